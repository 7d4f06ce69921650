// A REST route consists of a description, which contains the schema for Fastify, and a handling: a GraphQL operation, a mapping
// of the request to its variables, and a mapping of its result to an answer. The types of both mappings follow from the schema
// and the operation.
import type { IncomingMessage } from 'node:http';
import { requireUser } from '@holdfast/platform/auth/viewer';
import { requireTextOfType } from '@holdfast/platform/http/media-type';
import type { CheckedRequest, HttpRequest } from '@holdfast/platform/http/server';
import { came } from '@holdfast/platform/validation';
import type { FastifyRequest, FastifySchema, RawServerDefault, RouteGenericInterface } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { z } from 'zod';
import type { Caller } from '../admission/caller.ts';
import type { AnyVariables, Execute, Operation } from './operation.ts';
import { type Problem, type ProblemCode, problem } from './problem.ts';
import type { ReplyHeader } from './reply-headers.ts';
import type { Tag } from './tags.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** A reply that is not a problem. */
export interface ReplySchema {
  readonly description: string;
  /** The header fields in addition to those of every reply. */
  readonly headers?: readonly ReplyHeader[];
  readonly content?: { readonly 'application/json': { readonly schema: z.ZodType } };
}

/** The replies by status. */
export type ReplySchemas = Readonly<Record<number, ReplySchema>>;

/** The schema of a route for Fastify. The OpenAPI document names a schema by its `id`. */
export interface RouteSchema extends FastifySchema {
  readonly operationId: string;
  /** One sentence. */
  readonly summary: string;
  /** Further information for the caller, in Markdown. */
  readonly description: string;
  readonly tags: readonly [Tag];
  /** Who may call: BEARER or ANYONE. */
  readonly security: readonly { readonly bearer: readonly string[] }[];
  readonly params?: z.ZodObject;
  /** The parameters of the query; without it the route has none. */
  readonly querystring?: z.ZodObject;
  /** For documentation only: a function for each header field checks its grammar. */
  readonly headers?: z.ZodObject;
  readonly body?: z.ZodObject;
  /** Whether a request without a body counts as one with an empty object. */
  readonly isBodyOptional?: boolean;
  /** The media types of the body. */
  readonly consumes?: readonly string[];
  readonly response: ReplySchemas;
}

/** The call requires an access token. */
export const BEARER = [{ bearer: [] }] as const;
export const ANYONE = [] as const;

const JSON_BODY = ['application/json'] as const;
/** A PATCH is a merge patch (RFC 7396). Its objects are flat, so plain JSON means the same. */
export const MERGE_PATCH_BODY = ['application/json', 'application/merge-patch+json'] as const;

export interface RouteDescription<Schema extends RouteSchema = RouteSchema> {
  readonly method: Method;
  /** The path in the notation of Fastify. */
  readonly url: string;
  readonly schema: Schema;
  /** The problems of this route, in addition to those that any route can have. */
  readonly problems: readonly ProblemCode[];
}

/** A success. */
export interface Done<Status extends number = number, Body = unknown> {
  readonly kind: 'done';
  readonly status: Status;
  /** JSON; undefined for a status that has no content. */
  readonly body: Body;
  readonly headers: Readonly<Record<string, string>>;
}

export type Answer = Done | Problem;

type BodyOf<Reply> = Reply extends {
  readonly content: { readonly 'application/json': { readonly schema: infer Schema extends z.ZodType } };
}
  ? z.output<Schema>
  : undefined;

type DoneBy<Replies> = {
  [Status in keyof Replies & number]: Done<Status, BodyOf<Replies[Status]>>;
}[keyof Replies & number];

/** A success with a described status and the body of its schema, or an expected problem. */
export type AnswerBy<Replies extends ReplySchemas> = DoneBy<Replies> | Problem;

/** The body and the query after Fastify has checked them by the schema. */
type Checked<Schema extends FastifySchema> = Pick<
  FastifyRequest<RouteGenericInterface, RawServerDefault, IncomingMessage, Schema, ZodTypeProvider>,
  'body' | 'query'
>;

/** A request after it was checked against the route's schema. */
export interface Call<Schema extends RouteSchema> extends Checked<Schema> {
  /** The `:id` of the path; empty when the path has none. */
  readonly id: string;
  readonly request: HttpRequest;
}

/** What a route receives for each request. */
export interface Invocation {
  readonly request: HttpRequest;
  readonly id: string;
  readonly caller: Caller;
  readonly execute: Execute;
}

export interface Route {
  readonly description: RouteDescription;
  /** Every operation that the route may run. */
  readonly operations: readonly Operation<unknown, never>[];
  /** @throws {AppError | HttpError | OperationError} see errors.ts */
  readonly run: (invocation: Invocation) => Promise<Answer>;
}

export const done = <const Status extends number, Body>(
  status: Status,
  body: Body,
  headers: Readonly<Record<string, string>> = {},
): Done<Status, Body> => ({ kind: 'done', status, body, headers });

/** A header field as one text; Node joins repeated fields. */
export function headerOf({ headers }: HttpRequest, name: string): string | undefined {
  const value = headers[name.toLowerCase()];
  return Array.isArray(value) ? value.join(', ') : value;
}

/** The media types that a route accepts; none for a route without a body. */
const mediaTypesOf = ({ body, consumes = JSON_BODY }: RouteSchema): readonly string[] =>
  body === undefined ? [] : consumes;

/** Whether the head announces a body (RFC 9112, 6.3). */
const hasBody = ({ headers }: HttpRequest): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

export const isSecured = ({ security }: RouteSchema): boolean => security.length > 0;

/** Narrows the type: Fastify has checked the request by the schema of that type. */
const isChecked = <Schema extends RouteSchema>(_: CheckedRequest): _ is Checked<Schema> => true;

/** Checks a request by its route: first the caller, then the media type and the content. @throws {AppError | HttpError} */
export async function readCall<Schema extends RouteSchema>(
  { method, schema }: RouteDescription<Schema>,
  { request, id, caller }: Invocation,
): Promise<Call<Schema>> {
  if (isSecured(schema)) requireUser(caller.viewer);
  const mediaTypes = mediaTypesOf(schema);
  if (mediaTypes.length > 0 && (hasBody(request) || !schema.isBodyOptional))
    requireTextOfType(
      request.headers['content-type'],
      mediaTypes,
      method === 'PATCH' ? 'accept-patch' : 'accept',
    );
  const checked = await request.check();
  if (!isChecked<Schema>(checked)) throw new Error('the request was not checked');
  return { id, request, body: checked.body, query: checked.query };
}

export interface Handling<Schema extends RouteSchema, Data, Variables> {
  readonly operation: Operation<Data, Variables>;
  readonly variables: (call: Call<Schema>) => NoInfer<Variables>;
  readonly answer: (data: NoInfer<Data>, call: Call<Schema>) => AnswerBy<Schema['response']>;
}

/** Creates a route that runs its operation once. */
export function route<const Schema extends RouteSchema, Data, Variables extends AnyVariables>(
  description: RouteDescription<Schema>,
  { operation, variables, answer }: Handling<NoInfer<Schema>, Data, Variables>,
): Route {
  return {
    description,
    operations: [operation],
    run: async (invocation) => {
      const call = await readCall(description, invocation);
      return answer(await invocation.execute(operation, variables(call), invocation.caller), call);
    },
  };
}

/** Describes a JSON reply. */
export const json = <Schema extends z.ZodType>(
  description: string,
  schema: Schema,
  headers: readonly ReplyHeader[] = [],
) => ({ description, headers, content: { 'application/json': { schema } } });

const NOUNS = { PRODUCT_NOT_FOUND: 'product', ORDER_NOT_FOUND: 'order', USER_NOT_FOUND: 'user' };

export const notFound = (what: keyof typeof NOUNS, id: string): Problem =>
  problem(what, `There is no ${NOUNS[what]} ${came(id)}.`);
