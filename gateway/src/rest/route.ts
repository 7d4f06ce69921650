// A route: a description, which OpenAPI and the docs page are made from, and its handling: a GraphQL operation, a mapping
// of the request to its variables, and a mapping of its result to an answer. The types of both mappings come from the
// description's schemas and from the operation.
import type { HttpRequest } from '@holdfast/platform/http';
import { requireUser } from '@holdfast/platform/viewer';
import type { z } from 'zod';
import type { Caller } from '../admission/caller.ts';
import type { Intake } from './intake.ts';
import type { AnyVariables, Execute, Operation } from './operation.ts';
import { type Problem, type ProblemCode, problem } from './problem.ts';
import type { Header, NamedSchema } from './schema.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** A reply that is not a problem. */
export interface ReplyDescription {
  readonly description: string;
  readonly content?: { readonly schema: NamedSchema; readonly list?: boolean };
  /** Names from the table of reply headers in openapi.ts. */
  readonly headers?: readonly string[];
}

/** By status. */
export type ReplyDescriptions = Readonly<Record<number, ReplyDescription>>;

export interface RouteDescription<Input = unknown, Replies extends ReplyDescriptions = ReplyDescriptions> {
  readonly method: Method;
  /** With the id as `{id}`. */
  readonly path: string;
  readonly operationId: string;
  readonly summary: string;
  readonly tag: string;
  /** Whether an access token is needed. */
  readonly secured: boolean;
  readonly headers?: readonly Header[];
  readonly takes: Intake<Input>;
  readonly replies: Replies;
  /** The route's own problems, beside those that any route can have. */
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
  readonly content: { readonly schema: NamedSchema<infer Schema>; readonly list: true };
}
  ? readonly z.infer<Schema>[]
  : Reply extends { readonly content: { readonly schema: NamedSchema<infer Schema> } }
    ? z.infer<Schema>
    : undefined;

type DoneBy<Replies> = {
  [Status in keyof Replies & number]: Done<Status, BodyOf<Replies[Status]>>;
}[keyof Replies & number];

/** A success with a status that is described and the body of its schema, or a problem that was foreseen. */
export type AnswerBy<Replies extends ReplyDescriptions> = DoneBy<Replies> | Problem;

/** A request after it was checked against the route's description. */
export interface Call<Input> {
  /** The `{id}` of the path; empty when the path has none. */
  readonly id: string;
  /** What the route takes. */
  readonly input: Input;
  readonly request: HttpRequest;
}

/** What a route runs in. */
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
  /** @throws {AppError | HttpFault | OperationFault} see faults.ts */
  readonly run: (invocation: Invocation) => Promise<Answer>;
}

export const done = <const Status extends number, Body>(
  status: Status,
  body: Body,
  headers: Readonly<Record<string, string>> = {},
): Done<Status, Body> => ({ kind: 'done', status, body, headers });

/** A header field as one text; Node joins those that came more than once. */
export function headerOf({ headers }: HttpRequest, name: string): string | undefined {
  const value = headers[name.toLowerCase()];
  return Array.isArray(value) ? value.join(', ') : value;
}

/** Checks a request against the description: who asks first, then what is asked. @throws {AppError | HttpFault} */
export async function readCall<Input>(
  { secured, takes }: Pick<RouteDescription<Input>, 'secured' | 'takes'>,
  { request, id, caller }: Invocation,
): Promise<Call<Input>> {
  if (secured) requireUser(caller.viewer);
  return { id, request, input: await takes.read(request) };
}

export interface Handling<Input, Replies extends ReplyDescriptions, Data, Variables> {
  readonly operation: Operation<Data, Variables>;
  readonly variables: (call: Call<Input>) => NoInfer<Variables>;
  readonly answer: (data: NoInfer<Data>, call: Call<Input>) => AnswerBy<Replies>;
}

/** A route that runs its operation once. */
export function route<Input, const Replies extends ReplyDescriptions, Data, Variables extends AnyVariables>(
  description: RouteDescription<Input, Replies>,
  { operation, variables, answer }: Handling<NoInfer<Input>, NoInfer<Replies>, Data, Variables>,
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

export const notFound = (what: 'PRODUCT_NOT_FOUND' | 'ORDER_NOT_FOUND', id: string): Problem =>
  problem(
    what,
    `There is no ${what === 'PRODUCT_NOT_FOUND' ? 'product' : 'order'} ${JSON.stringify(id.slice(0, 64))}.`,
  );
