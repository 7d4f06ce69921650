// A conditional write: a compare-and-swap whose expected version comes from `If-Match` (RFC 9110, 13.1.1) or from the body, and
// which `If-None-Match` (13.1.2) can forbid. The guarded update of the subgraph decides. A read before it only finds the
// version to expect.
import type { HttpRequest } from '@holdfast/platform/http/server';
import { entityTag, namesVersion, readIfMatch, readIfNoneMatch, type TagCondition } from './entity-tag.ts';
import type { AnyVariables, Operation } from './operation.ts';
import { type Problem, problem } from './problem.ts';
import {
  type Answer,
  type AnswerBy,
  type Call,
  headerOf,
  type Invocation,
  type Method,
  type Route,
  type RouteDescription,
  type RouteSchema,
  readCall,
} from './route.ts';
import { invalidFields } from './validation.ts';

/** The expected version was not the current one. */
export interface Conflict {
  readonly kind: 'conflict';
  readonly currentVersion: number;
}

export const conflict = (currentVersion: number): Conflict => ({ kind: 'conflict', currentVersion });

export interface GuardedHandling<Schema extends RouteSchema, Data, Variables> {
  /** Whether a call without a condition is refused (428) or changes the current version. */
  readonly condition: 'required' | 'optional';
  /** Reads the version from the body, if the body may contain it. Only a PUT may use it in place of `If-Match`. */
  readonly bodyVersion?: (body: Call<Schema>['body']) => number | undefined;
  /** The operation that reads the current version. */
  readonly current: Operation<
    { readonly current: { readonly version: number } | null },
    { readonly id: string }
  >;
  readonly operation: Operation<Data, Variables>;
  readonly variables: (call: Call<Schema>, expectedVersion: number) => NoInfer<Variables>;
  readonly answer: (data: NoInfer<Data>, call: Call<Schema>) => AnswerBy<Schema['response']> | Conflict;
  readonly notFound: (id: string) => Problem;
}

/** The conditions of the request on the version. */
interface Condition {
  readonly ifMatch: ReadonlySet<number> | 'any' | undefined;
  readonly ifNoneMatch: TagCondition | undefined;
  readonly bodyVersion: number | undefined;
}

/** So many tries nearly always succeed among concurrent writers; otherwise the caller may try again. */
const MAX_ATTEMPTS = 10;

const ifMatchAccepts = ({ ifMatch }: Condition, version: number): boolean =>
  ifMatch === undefined || ifMatch === 'any' || ifMatch.has(version);

const ifNoneMatchForbids = ({ ifNoneMatch }: Condition, version: number): boolean =>
  ifNoneMatch !== undefined && namesVersion(ifNoneMatch, version);

const headersAccept = (condition: Condition, version: number): boolean =>
  ifMatchAccepts(condition, version) && !ifNoneMatchForbids(condition, version);

const accepts = (condition: Condition, version: number): boolean =>
  headersAccept(condition, version) && (condition.bodyVersion ?? version) === version;

/** The only version that the condition accepts; undefined if it accepts several. */
function onlyVersion(condition: Condition): number | undefined {
  const { ifMatch, bodyVersion } = condition;
  const [first, second] = ifMatch instanceof Set ? ifMatch : [];
  const version = bodyVersion ?? (second === undefined ? first : undefined);
  return version !== undefined && accepts(condition, version) ? version : undefined;
}

function createStaleProblem(condition: Condition, currentVersion: number): Problem {
  const code = headersAccept(condition, currentVersion) ? 'VERSION_CONFLICT' : 'PRECONDITION_FAILED';
  const isForbidden = ifMatchAccepts(condition, currentVersion) && code === 'PRECONDITION_FAILED';
  const detail = isForbidden
    ? `If-None-Match names the current version, which is ${currentVersion}. The write was not executed.`
    : `The version was changed in the meantime: it is ${currentVersion} now. Read the resource again before the next try.`;
  return problem(code, detail, { current_version: currentVersion }, { etag: entityTag(currentVersion) });
}

function readConditions(request: HttpRequest, bodyVersion: number | undefined): Condition {
  const condition = {
    ifMatch: readIfMatch(headerOf(request, 'if-match')),
    ifNoneMatch: readIfNoneMatch(headerOf(request, 'if-none-match')),
    bodyVersion,
  };
  if (bodyVersion === undefined || ifMatchAccepts(condition, bodyVersion)) return condition;
  throw invalidFields([
    { field: 'version', message: `expected a version that If-Match names, got ${bodyVersion}` },
  ]);
}

/** Whether a required condition is missing. A version in the body replaces `If-Match` in a PUT only. */
function isMissing(method: Method, needed: 'required' | 'optional', condition: Condition): boolean {
  if (needed === 'optional' || condition.ifMatch !== undefined) return false;
  return method !== 'PUT' || condition.bodyVersion === undefined;
}

function createMissingProblem(method: Method): Problem {
  const also = method === 'PUT' ? ', or its version as the member "version"' : '';
  return problem('PRECONDITION_REQUIRED', `The ETag of the resource is expected in If-Match${also}.`);
}

/** Tries the write with an accepted version, and again while the version of a conflict is accepted. */
async function swap<Schema extends RouteSchema, Data, Variables extends AnyVariables>(
  method: Method,
  handling: GuardedHandling<Schema, Data, Variables>,
  call: Call<Schema>,
  condition: Condition,
  { execute, caller }: Invocation,
): Promise<Answer> {
  const { current, operation, variables, answer, notFound } = handling;
  let expected = onlyVersion(condition);
  if (expected === undefined) {
    const found = (await execute(current, { id: call.id }, caller)).current;
    if (found === null) return notFound(call.id);
    expected = found.version;
  }
  // The request has only an If-None-Match, which does not name the version that the change is based on.
  if (isMissing(method, handling.condition, condition) && accepts(condition, expected))
    return createMissingProblem(method);
  for (let attempt = 1; attempt <= MAX_ATTEMPTS && accepts(condition, expected); attempt += 1) {
    const outcome = answer(await execute(operation, variables(call, expected), caller), call);
    if (outcome.kind !== 'conflict') return outcome;
    expected = outcome.currentVersion;
  }
  return createStaleProblem(condition, expected);
}

/**
 * Creates a route that changes a resource only at a version that the caller accepts.
 * It answers 428 without a condition, 412 to a stale `If-Match` or an `If-None-Match` that names the current version, and 409
 * to a stale version in the body. A 412 or 409 has the current ETag. With `If-Match: *` the write is tried with the current
 * version, up to ten times.
 */
export function guardedRoute<const Schema extends RouteSchema, Data, Variables extends AnyVariables>(
  description: RouteDescription<Schema>,
  handling: GuardedHandling<NoInfer<Schema>, Data, Variables>,
): Route {
  const { method } = description;
  return {
    description,
    operations: [handling.current, handling.operation],
    run: async (invocation) => {
      const call = await readCall(description, invocation);
      const condition = readConditions(call.request, handling.bodyVersion?.(call.body));
      if (isMissing(method, handling.condition, condition) && condition.ifNoneMatch === undefined)
        return createMissingProblem(method);
      return swap(method, handling, call, condition, invocation);
    },
  };
}
