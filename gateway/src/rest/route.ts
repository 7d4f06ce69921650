// A route: a GraphQL operation, a mapping of the request to its variables, a mapping of its result to an answer, and
// a description of all of it, which OpenAPI and the docs page are made from.
import type { RequestContext } from '@holdfast/platform/graphql';
import type { HttpRequest } from '@holdfast/platform/http';
import { parseJson } from '@holdfast/platform/json';
import { requireTextOfType } from '@holdfast/platform/media-type';
import { requireUser } from '@holdfast/platform/viewer';
import type { Execute, Operation } from './operation.ts';
import { type Problem, type ProblemCode, problem } from './problem.ts';
import type { Header, JsonSchema, NamedSchema } from './schema.ts';
import { bodyReader, queryReader } from './validation.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface BodyDescription {
  readonly schema: NamedSchema;
  readonly mediaTypes: readonly string[];
}

/** A reply that is not a problem. */
export interface ReplyDescription {
  readonly description: string;
  readonly content?: { readonly schema: NamedSchema; readonly list?: boolean };
  /** Names from the table of reply headers in openapi.ts. */
  readonly headers?: readonly string[];
}

export interface RouteDescription {
  readonly method: Method;
  /** With the id as `{id}`. */
  readonly path: string;
  readonly operationId: string;
  readonly summary: string;
  readonly tag: string;
  /** Whether an access token is needed. */
  readonly secured: boolean;
  readonly query?: Readonly<Record<string, JsonSchema>>;
  readonly headers?: readonly Header[];
  readonly body?: BodyDescription;
  /** By status. */
  readonly replies: Readonly<Record<number, ReplyDescription>>;
  /** The route's own problems, beside those that any route can have. */
  readonly problems: readonly ProblemCode[];
}

/** A success, or a problem that was foreseen. */
export type Answer =
  | {
      readonly kind: 'done';
      readonly status: number;
      /** JSON; none for a status that has no content. */
      readonly body?: unknown;
      readonly headers?: Readonly<Record<string, string>>;
    }
  | Problem;

/** A request after it was checked against the route's description. */
export interface Call<Query, Body> {
  /** The `{id}` of the path; empty when the path has none. */
  readonly id: string;
  readonly query: Query;
  readonly body: Body;
  readonly request: HttpRequest;
}

/** What a route runs in. */
export interface Invocation {
  readonly request: HttpRequest;
  readonly id: string;
  readonly context: RequestContext;
  readonly execute: Execute;
}

export interface Route {
  readonly description: RouteDescription;
  /** Every operation that the route may run. */
  readonly operations: readonly Operation<unknown, never>[];
  /** @throws {AppError | HttpFault | OperationFault} see faults.ts */
  readonly run: (invocation: Invocation) => Promise<Answer>;
}

export const JSON_BODY = ['application/json'] as const;
/** A PATCH is a merge patch (RFC 7396) of flat objects, which plain JSON says as well. */
export const MERGE_PATCH_BODY = ['application/json', 'application/merge-patch+json'] as const;

export const done = (
  status: number,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Answer => ({
  kind: 'done',
  status,
  body,
  headers,
});

/** A header field as one text; Node joins those that came more than once. */
export function headerOf({ headers }: HttpRequest, name: string): string | undefined {
  const value = headers[name.toLowerCase()];
  return Array.isArray(value) ? value.join(', ') : value;
}

async function readBody({ mediaTypes }: BodyDescription, request: HttpRequest): Promise<unknown> {
  const { method, headers } = request;
  requireTextOfType(headers['content-type'], mediaTypes, method === 'PATCH' ? 'accept-patch' : 'accept');
  return parseJson(await request.body());
}

/** Compiles the description's schemas into one check of a request: who asks first, then what is asked. */
export function callReader<Query, Body>(
  description: RouteDescription,
): (invocation: Invocation) => Promise<Call<Query, Body>> {
  const { secured, body } = description;
  const readQuery = queryReader<Query>(description.query ?? {});
  const checkBody = bodyReader<Body>(body?.schema.schema ?? {});
  return async ({ request, id, context }) => {
    if (secured) requireUser(context.viewer);
    const query = readQuery(request.query);
    return { id, query, request, body: checkBody(body && (await readBody(body, request))) };
  };
}

export interface RouteDefinition<Query, Body, Variables, Data> extends RouteDescription {
  readonly operation: Operation<Data, Variables>;
  readonly variables: (call: Call<Query, Body>) => Variables;
  readonly answer: (data: Data, call: Call<Query, Body>) => Answer;
}

/** A route that runs its operation once. */
export function route<Query, Body, Variables extends Readonly<Record<string, unknown>>, Data>(
  definition: RouteDefinition<Query, Body, Variables, Data>,
): Route {
  const { operation, variables, answer, ...description } = definition;
  const readCall = callReader<Query, Body>(description);
  return {
    description,
    operations: [operation],
    run: async (invocation) => {
      const call = await readCall(invocation);
      return answer(await invocation.execute(operation, variables(call), invocation.context), call);
    },
  };
}

/** A problem of a union, as every subgraph's schema has them. */
export interface Refusal<Name extends string> {
  readonly __typename: Name;
  readonly message: string;
}

export const notFound = (what: 'PRODUCT_NOT_FOUND' | 'ORDER_NOT_FOUND', id: string): Problem =>
  problem(
    what,
    `There is no ${what === 'PRODUCT_NOT_FOUND' ? 'product' : 'order'} ${JSON.stringify(id.slice(0, 64))}.`,
  );
