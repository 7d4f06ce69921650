// The errors that the gateway finds in the merged replies, with their paths, in addition to those that the subgraphs sent.
import { GraphQLError } from 'graphql';

export type Path = readonly (string | number)[];

export type Names = ReadonlySet<string>;

export interface Errors {
  /** The path of the value that is shaped now. */
  readonly path: (string | number)[];
  /** Whether a reply had an error and no data, so that any null may come from that. */
  readonly isDataLost: boolean;
  /** The errors of the subgraphs and of the calls. */
  readonly reported: readonly GraphQLError[];
  readonly found: GraphQLError[];
  /** For each entity that a subgraph does not know: the names that were requested of it there. */
  readonly unknown: ReadonlyMap<object, readonly Names[]>;
  /** The same names, for the objects on the path: a member with such a name is null. */
  readonly unknownAbove: Names[];
  /** The names that the fetches of the plan request. */
  readonly fetched: () => Names;
}

/** Reports a value that the schema does not allow. It is never passed on, even if there are other errors. */
export function reportWrong(errors: Errors, path: Path, message: string): void {
  errors.found.push(new GraphQLError(message, { path, extensions: { code: 'INTERNAL_SERVER_ERROR' } }));
}

/** Reports a null that the schema does not allow, unless an error at, above or below its place explains it. */
export function reportNull(errors: Errors, path: Path, message: string): void {
  if (errors.isDataLost) return;
  if (!errors.reported.some((error) => explains(error, path))) reportWrong(errors, path, message);
}

/** Reports a member that was requested and that no subgraph sent. (The planner leaves out what conditions exclude.) */
export function reportAbsent(errors: Errors, path: Path): void {
  const name = path.findLast((step) => typeof step === 'string');
  if (name === undefined || errors.unknownAbove.some((names) => names.has(name))) return;
  if (!errors.fetched().has(name)) return;
  reportNull(errors, path, 'No subgraph has answered this field.');
}

/** The words of the operations, the names of members among them. They are found at the first call and kept. */
export function namesIn(operations: readonly string[]): () => Names {
  let names: Names | undefined;
  return () => {
    names ??= new Set(operations.flatMap((operation) => operation.match(/\w+/g) ?? []));
    return names;
  };
}

function explains({ path }: GraphQLError, place: Path): boolean {
  if (path === undefined) return true;
  const length = Math.min(path.length, place.length);
  for (let index = 0; index < length; index += 1) if (path[index] !== place[index]) return false;
  return true;
}
