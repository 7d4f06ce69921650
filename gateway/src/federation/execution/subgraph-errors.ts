// Errors of a subgraph's reply, as the client sees them: with the name of the service, and with the path in the whole
// reply in the place of that in the subgraph's.
import { GraphQLError } from 'graphql';
import type { Path } from './errors.ts';
import { isJsonObject, type JsonObject, memberOf } from './members.ts';
import type { SubgraphError } from './subgraph-call.ts';

export interface ErrorPlace {
  readonly subgraph: string;
  /** Where the fetch's data belong, with `@` for the places of a list. */
  readonly within: Path;
  /** What the fetch asked under a name of the planner's, by that name. */
  readonly renamed: ReadonlyMap<unknown, string>;
  /** The entities that were asked for, in order; undefined for root fields. */
  readonly entities: readonly object[] | undefined;
  /** The data of the whole reply, in which the entities are. */
  readonly data: JsonObject | undefined;
}

export function clientErrors(errors: readonly SubgraphError[], place: ErrorPlace): GraphQLError[] {
  let places: ReadonlyMap<object, Path> | undefined;
  /** The places of the entities are looked for when the first error asks for one. */
  const placeOf = (index: number): Path => {
    places ??= placesOf(place);
    const entity = place.entities?.[index];
    return (entity && places.get(entity)) ?? upToList(place.within);
  };
  return errors.map((error) => clientError(error, pathOf(error.path, place, placeOf), place.subgraph));
}

function clientError(error: SubgraphError, path: Path | undefined, serviceName: string): GraphQLError {
  const sent = isJsonObject(error.extensions) ? error.extensions : {};
  const message = error.message || `Error while fetching subquery from service "${serviceName}"`;
  return new GraphQLError(message, {
    // No error that was thrown here: the subgraph has logged its own.
    originalError: { name: 'SubgraphError', message },
    ...(path && { path }),
    extensions: { ...sent, serviceName, code: sent['code'] || 'DOWNSTREAM_SERVICE_ERROR' },
  });
}

const isPath = (path: unknown): path is Path =>
  Array.isArray(path) && path.every((step) => typeof step === 'string' || typeof step === 'number');

function pathOf(
  path: unknown,
  { within, renamed, entities }: ErrorPlace,
  placeOf: (index: number) => Path,
): Path | undefined {
  if (!isPath(path)) return undefined;
  const named = path.map((step) => renamed.get(step) ?? step);
  if (entities === undefined) return [...upToList(within), ...named];
  const [, index, ...rest] = named;
  return typeof index === 'number' ? [...placeOf(index), ...rest] : upToList(within);
}

/** The path of the list when it leads into one. */
export function upToList(path: Path): Path {
  const list = path.indexOf('@');
  return list < 0 ? path : path.slice(0, list);
}

/** Where each of the entities stands. */
function placesOf({ within, data }: ErrorPlace): ReadonlyMap<object, Path> {
  const places = new Map<object, Path>();
  function walk(value: unknown, depth: number, path: Path): void {
    const step = within[depth];
    if (step === '@') {
      if (!Array.isArray(value)) return;
      for (const [index, item] of value.entries()) walk(item, depth + 1, [...path, index]);
    } else if (isJsonObject(value)) {
      if (step === undefined) places.set(value, path);
      else walk(memberOf(value, String(step)), depth + 1, [...path, step]);
    }
  }
  walk(data, 0, []);
  return places;
}
