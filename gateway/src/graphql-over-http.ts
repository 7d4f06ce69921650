// GraphQL over HTTP (https://graphql.github.io/graphql-over-http): what a request asks for, and the form of its reply.
// The tests hold it to the audits of graphql-http; the handler of that package writes a reply at half the speed, and has
// no statuses but 200 and 400.
import { badInput } from '@holdfast/platform/errors';
import { GRAPHQL_MEDIA_TYPES } from '@holdfast/platform/graphql/server';
import { parseJson } from '@holdfast/platform/http/json-body';
import { requireTextOfType } from '@holdfast/platform/http/media-type';
import { HttpError, type HttpRequest, type Reply } from '@holdfast/platform/http/server';
import { came } from '@holdfast/platform/validation';
import Negotiator from 'negotiator';
import type { Caller } from './admission/caller.ts';
import type { Answer } from './answer.ts';
import { type FindListed, hashesNotSupported, namesHash } from './operations/persisted.ts';
import type { AskedOperation, OperationResult } from './operations/result.ts';

/** Answers a request to /graphql. @param listed in persisted mode, says which texts are run */
export function createGraphQLRoute(answer: Answer, listed: FindListed) {
  return async (request: HttpRequest, caller: Caller): Promise<Reply> => {
    const type = replyTypeOf(request);
    const asked = readAsked(await membersOf(request), request, listed);
    return replyOf(await answer(asked, caller), type);
  };
}

const JSON_TYPE = 'application/json';
const GRAPHQL_TYPE = 'application/graphql-response+json';
type ReplyType = typeof JSON_TYPE | typeof GRAPHQL_TYPE;
const CONTENT_TYPES = {
  [JSON_TYPE]: `${JSON_TYPE}; charset=utf-8`,
  [GRAPHQL_TYPE]: `${GRAPHQL_TYPE}; charset=utf-8`,
};

/** @throws {HttpError} 406 when the client takes neither type */
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

/** What the request says, wherever HTTP lets it. @throws {HttpError} when it is not JSON */
async function membersOf(request: HttpRequest): Promise<Members> {
  if (request.method !== 'POST') return membersOfQuery(request.query);
  requireTextOfType(request.headers['content-type'], GRAPHQL_MEDIA_TYPES);
  const body = parseJson(await request.body());
  if (isRecord(body)) return body;
  const got = Array.isArray(body) ? 'a list: one request is one operation' : came(body);
  throw badInput('the body', `expected an object with the member query, got ${got}`);
}

/** The JSON in a query string is held to the rules of a body. */
function membersOfQuery(query: string): Members {
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

/** @throws {AppError | GraphQLError} naming the member that is not as it should be */
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
 * A client that takes `application/json` only is told of an operation that is not valid with the status 200, as the
 * specification asks; other statuses say what the operation has nothing to do with (429, 503).
 */
function replyOf({ data, errors, status, retryAfter }: OperationResult, type: ReplyType): Reply {
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
