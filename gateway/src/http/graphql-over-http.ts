// GraphQL over HTTP (https://graphql.github.io/graphql-over-http): reads a request and writes its reply. The tests run the
// audits of graphql-http against it. The handler of that package is half as fast, and knows the statuses 200 and 400 only.
import { badInput } from '@holdfast/platform/errors';
import { GRAPHQL_MEDIA_TYPES } from '@holdfast/platform/graphql/protocol';
import { parseJson } from '@holdfast/platform/http/json-body';
import { requireTextOfType } from '@holdfast/platform/http/media-type';
import { HttpError, type HttpRequest, type Reply } from '@holdfast/platform/http/server';
import { came } from '@holdfast/platform/validation';
import Negotiator from 'negotiator';
import type { Caller } from '../admission/caller.ts';
import type { Answer } from '../operations/answer.ts';
import { type FindListed, hashesNotSupported, namesHash } from '../operations/persisted.ts';
import type { AskedOperation, OperationResult } from '../operations/result.ts';

/** Answers a request to /graphql. @param listed in persisted mode, finds the text of a listed operation */
export function createGraphQLRoute(answer: Answer, listed: FindListed) {
  return async (request: HttpRequest, caller: Caller): Promise<Reply> => {
    const type = replyTypeOf(request);
    const asked = readAsked(await readMembers(request), request, listed);
    return writeReply(await answer(asked, caller), type);
  };
}

const JSON_TYPE = 'application/json';
const GRAPHQL_TYPE = 'application/graphql-response+json';
type ReplyType = typeof JSON_TYPE | typeof GRAPHQL_TYPE;
const CONTENT_TYPES = {
  [JSON_TYPE]: `${JSON_TYPE}; charset=utf-8`,
  [GRAPHQL_TYPE]: `${GRAPHQL_TYPE}; charset=utf-8`,
};

/** @throws {HttpError} 406 when the client accepts neither type */
function replyTypeOf({ headers: { accept = '*/*' } }: HttpRequest): ReplyType {
  if (accept === '*/*' || accept === JSON_TYPE) return JSON_TYPE;
  const type = new Negotiator({ headers: { accept } }).mediaType([JSON_TYPE, GRAPHQL_TYPE]);
  if (type === JSON_TYPE || type === GRAPHQL_TYPE) return type;
  throw new HttpError(
    406,
    `A reply of type ${JSON_TYPE} or ${GRAPHQL_TYPE} is expected to be accepted, got ${came(accept)}.`,
  );
}

type Members = Readonly<Record<string, unknown>>;

/** Reads the members of a GraphQL request from the query string or the body. @throws {HttpError} when the body is not JSON */
async function readMembers(request: HttpRequest): Promise<Members> {
  if (request.method !== 'POST') return readQueryMembers(request.query);
  requireTextOfType(request.headers['content-type'], GRAPHQL_MEDIA_TYPES);
  const body = parseJson(await request.body());
  if (isRecord(body)) return body;
  const got = Array.isArray(body) ? 'a list: one request is one operation' : came(body);
  throw badInput('the body', `expected an object with the member query, got ${got}`);
}

/** JSON in a query string follows the same rules as a body. */
function readQueryMembers(query: string): Members {
  const members: Record<string, unknown> = {};
  for (const [name, value] of new URLSearchParams(query)) {
    if (name === 'query' || name === 'operationName') members[name] = value;
    if (value !== '' && (name === 'variables' || name === 'extensions'))
      members[name] = parseJson(Buffer.from(value), { what: `The parameter ${name}` });
  }
  return members;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** @throws {AppError | GraphQLError} naming the member that is not valid */
function readAsked(members: Members, { method }: HttpRequest, listed: FindListed): AskedOperation {
  const { query, operationName, variables, extensions } = members;
  const text = listed ? listed(members) : query;
  if (text === undefined && namesHash(extensions)) throw hashesNotSupported();
  if (typeof text !== 'string' || text === '')
    throw badInput(
      'query',
      `expected a document of GraphQL, got ${text === '' ? 'an empty text' : came(text)}`,
    );
  const name = operationName ?? undefined;
  if (name !== undefined && typeof name !== 'string')
    throw badInput('operationName', `expected a name, got ${came(name)}`);
  requireObject('variables', variables);
  requireObject('extensions', extensions);
  return {
    text,
    name,
    variables: isRecord(variables) ? variables : {},
    isSafe: method !== 'POST',
  };
}

function requireObject(member: string, value: unknown): void {
  if (value != null && !isRecord(value)) throw badInput(member, `expected an object, got ${came(value)}`);
}

/**
 * A client that accepts `application/json` only receives an invalid operation with the status 200, as the specification
 * requires. Other statuses report what does not come from the operation (429, 503).
 */
function writeReply({ data, errors, status, retryAfter }: OperationResult, type: ReplyType): Reply {
  return {
    status: status === 'invalid' ? (type === JSON_TYPE ? 200 : 400) : status,
    headers: {
      'content-type': CONTENT_TYPES[type],
      ...(status === 405 && { allow: 'POST' }),
      ...(retryAfter !== undefined && { 'retry-after': String(retryAfter) }),
    },
    body: JSON.stringify(errors ? (data === undefined ? { errors } : { errors, data }) : { data }),
  };
}
