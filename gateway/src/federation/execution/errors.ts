// What is wrong with the merged replies of the subgraphs: errors with paths, beside the errors that the subgraphs sent.
import { GraphQLError } from 'graphql';

export type Path = readonly (string | number)[];

export type Names = ReadonlySet<string>;

export interface Errors {
  /** Where the shaping of the reply is. */
  readonly path: (string | number)[];
  /** Whether a reply had an error instead of data, so that any null may come from that. */
  readonly isDataLost: boolean;
  /** What subgraphs and calls have reported. */
  readonly reported: readonly GraphQLError[];
  readonly found: GraphQLError[];
  /** By the entity, what was asked for when a subgraph said that there is none. */
  readonly unknown: ReadonlyMap<object, readonly Names[]>;
  /** Of the objects on the path: a member that was asked for then is null. */
  readonly unknownAbove: Names[];
  /** What the plan's fetches ask for. */
  readonly fetched: () => Names;
}

/** A value that the schema does not allow: it is never passed on, whatever else was reported. */
export function reportWrong(errors: Errors, path: Path, message: string): void {
  errors.found.push(new GraphQLError(message, { path, extensions: { code: 'INTERNAL_SERVER_ERROR' } }));
}

/** A null that the schema does not allow: it is no news where an error was reported at, above or below its place. */
export function reportNull(errors: Errors, path: Path, message: string): void {
  if (errors.isDataLost) return;
  if (!errors.reported.some((error) => explains(error, path))) reportWrong(errors, path, message);
}

/** A member that no subgraph sent, though one was asked for it. (The planner leaves out what conditions exclude.) */
export function reportAbsent(errors: Errors, path: Path): void {
  const name = path.findLast((step) => typeof step === 'string');
  if (name === undefined || errors.unknownAbove.some((names) => names.has(name))) return;
  if (!errors.fetched().has(name)) return;
  reportNull(errors, path, 'No subgraph has answered this field.');
}

/** The names in the operations, those of members among them; found when they are asked for first, and kept from then on. */
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
