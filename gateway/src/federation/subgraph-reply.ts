// Reads the reply of a subgraph: from its text to data and errors.
import { GRAPHQL_MEDIA_TYPES } from '@holdfast/platform/graphql/protocol';
import { isOfType } from '@holdfast/platform/http/media-type';
import type { SubgraphError, SubgraphReply } from './execution/execution.ts';
import type { PostReply } from './post.ts';

/**
 * A reply without `data`: the subgraph refused the request before it executed any part of it (GraphQL specification, 7.1).
 * This is an error of the gateway and not of the caller, because the gateway has checked the operation of the caller.
 */
export class NotRun extends Error {
  override readonly name = 'NotRun';
  /** Whether an instance with another schema may run it: 400 is the status for operations, others are for requests. */
  readonly isOfAnotherSchema: boolean;
  /** Whether the variables were refused, and not the text: with other variables, the same instance may run it. */
  readonly isOfVariables: boolean;

  constructor(status: number, errors: readonly SubgraphError[]) {
    super(`status ${status}: ${errors.map(reasonIn).join(' ')}`);
    this.isOfAnotherSchema = status === 400;
    this.isOfVariables = errors.every(({ message }) => OF_VARIABLES.test(message));
  }
}

/** The start of the messages of graphql-js about variables. */
const OF_VARIABLES = /^Variable "\$\w+" (got invalid value|of required type|of non-null type) /;

/** The reason without the values of variables, which may be secrets: graphql-js writes them before the reason. */
function reasonIn({ message }: SubgraphError): string {
  if (!message.startsWith('Variable ') || !message.includes(' got invalid value ')) return message;
  return message.slice(message.lastIndexOf('; ') + 2);
}

/** @throws {NotRun} and an Error for a reply that is not GraphQL */
export function readReply({ status, contentType, text }: PostReply): SubgraphReply {
  const malformed = (cause?: unknown) =>
    new Error(`not a GraphQL reply: status ${status}, ${contentType}, ${text.length} characters`, { cause });
  // 401 is about the service token: an error of the user's token comes with the status 200.
  if (status === 401) throw new Error('the subgraph refused the service token of this gateway');
  if (contentType === undefined || !isOfType(contentType, GRAPHQL_MEDIA_TYPES)) throw malformed();
  const reply = parseJson(text, malformed);
  if (!isRecord(reply)) throw malformed();
  const { data, errors } = reply;
  if (errors !== undefined && !isErrorList(errors)) throw malformed();
  if (data === undefined) throw errors === undefined ? malformed() : new NotRun(status, errors);
  if (data !== null && !isRecord(data)) throw malformed();
  return { data, ...(errors !== undefined && { errors }) };
}

/** Reads the SDL from the reply to `{ _service { sdl } }`. @throws when there is none */
export function readSdl(reply: PostReply): string {
  const service = readReply(reply).data?.['_service'];
  if (isRecord(service) && typeof service['sdl'] === 'string') return service['sdl'];
  throw new Error('the reply of a subgraph has no SDL');
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isErrorList = (value: unknown): value is SubgraphError[] =>
  Array.isArray(value) && value.every((error) => isRecord(error) && typeof error['message'] === 'string');

function parseJson(text: string, malformed: (cause: unknown) => Error): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw malformed(cause);
  }
}
