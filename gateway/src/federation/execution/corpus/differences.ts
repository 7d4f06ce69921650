// How the answers of the two executors may differ: not in their data, and in their errors only where the compiled executor
// is more exact.
import type { GraphQLFormattedError } from 'graphql';
import type { Answer } from './engines.ts';

type Path = readonly (string | number)[];

/** What is different and must not be, as messages. */
export function differencesOf(apollo: Answer, compiled: Answer, calls: readonly string[]): string[] {
  if (apollo.data !== compiled.data) return [`data: expected ${apollo.data}, got ${compiled.data}`];
  const rest = [...compiled.errors];
  const missing = apollo.errors.filter((error) => !takeCounterpart(error, rest, compiled));
  const isExpected = (error: GraphQLFormattedError) =>
    apollo.errors.length === 0 ? isCompletion(error, apollo) : isNews(error, compiled);
  const excess = rest.filter(
    (error) => !isExpected(error) && !isUnknownType(error) && !isForgotten(error, calls),
  );
  const unsaid = apollo.completion.filter(
    ({ message, path }) => !rest.some((error) => error.message === message && isSame(error.path, path)),
  );
  return [
    ...missing.map((error) => `the error of Apollo's is missing: ${JSON.stringify(error)}`),
    ...unsaid.map((error) => `the error in the data is missing: ${JSON.stringify(error)}`),
    ...excess.map((error) => `an error too much: ${JSON.stringify(error)}`),
  ];
}

/** Takes the error that says the same out of the list. */
function takeCounterpart(
  error: GraphQLFormattedError,
  among: GraphQLFormattedError[],
  { data }: Answer,
): boolean {
  const index = among.findIndex(
    (other) =>
      other.message === error.message &&
      other.extensions?.['code'] === error.extensions?.['code'] &&
      other.extensions?.['serviceName'] === error.extensions?.['serviceName'] &&
      (isSame(other.path, error.path) || isMoreExact(other.path, error.path, JSON.parse(data ?? 'null'))),
  );
  if (index < 0) return false;
  among.splice(index, 1);
  return true;
}

const isSame = (path: Path | undefined, other: Path | undefined): boolean =>
  JSON.stringify(path) === JSON.stringify(other);

/**
 * 1. Of an error that stands at no entity, Apollo's path leads into the request for entities ("@", "_entities"). Ours ends at
 *    the list or the object of which entities were asked.
 * 2. Apollo counts the index in the list without the entries that are null or were not requested. With ours, the path leads
 *    to the null.
 * 3. A field that the planner asked under another name has its own in our path.
 */
function isMoreExact(ours: Path | undefined, apollos: Path | undefined, data: unknown): boolean {
  if (ours === undefined || apollos === undefined) return false;
  if (isSame(ours, withoutPlannersNames(apollos))) return true;
  const list = apollos.indexOf('@');
  if (apollos.at(-1) === '_entities') return isSame(ours, apollos.slice(0, list < 0 ? -1 : list));
  const named = (path: Path) => path.filter((step) => typeof step === 'string');
  return isSame(named(ours), named(apollos)) && leadsToNull(ours, data);
}

const withoutPlannersNames = (path: Path): Path =>
  path.map((step) => (typeof step === 'string' ? step.replace(/__alias_\d+$/, '') : step));

/** To a null, or to an object of which a member is null. */
function leadsToNull(path: Path, data: unknown): boolean {
  const value = path.reduce<unknown>((parent, step) => Object(parent)[step] ?? null, data);
  return value === null || Object.values(Object(value)).includes(null);
}

/** 4. What Apollo's executor puts into an extension, where hardly any client looks, is an error. */
const isCompletion = (error: GraphQLFormattedError, { completion }: Answer): boolean =>
  isOurs(error) &&
  completion.some(({ message, path }) => message === error.message && isSame(path, error.path));

/** 5. Beside another error, Apollo's executor keeps a null that the schema does not allow to itself. */
const isNews = (error: GraphQLFormattedError, { errors }: Answer): boolean =>
  isOurs(error) &&
  isCompletionMessage(error) &&
  !errors.some(
    (other) =>
      !isCompletionMessage(other) && (other.path === undefined || isOnOneWay(other.path, error.path ?? [])),
  );

const isCompletionMessage = ({ message }: GraphQLFormattedError): boolean =>
  message.startsWith('Cannot return null for non-nullable ');

const isOurs = (error: GraphQLFormattedError): boolean =>
  error.extensions?.['code'] === 'INTERNAL_SERVER_ERROR';

/**
 * 6. The planner does not always ask for the type of an interface object. Apollo's executor shows null then, without an
 *    error.
 */
const isUnknownType = (error: GraphQLFormattedError): boolean =>
  isOurs(error) && error.message === "An object's type is expected, got Media.";

/**
 * 7. The planner does not ask for what two fields together require when one of them is skipped, and so the other one cannot
 *    be requested. Apollo's executor gives null then, without an error.
 */
const isForgotten = ({ message, path }: GraphQLFormattedError, calls: readonly string[]): boolean => {
  const name = path?.findLast((step) => typeof step === 'string');
  return (
    message === 'No subgraph has answered this field.' &&
    !calls.some((call) =>
      call
        .replaceAll('_entities(', '(')
        .match(/\w+/g)
        ?.some((word) => word === name),
    )
  );
};

export const isOnOneWay = (path: Path, other: Path): boolean =>
  path.slice(0, other.length).every((step, index) => step === other[index]);
