// Converts the errors of a subgraph for the client: with the name of the service, and with the path in the whole reply in
// place of the path in the reply of the subgraph.
import { GraphQLError } from 'graphql';
import type { Path } from './errors.ts';
import { isJsonObject, type JsonObject, memberOf } from './members.ts';
import type { SubgraphError } from './subgraph-call.ts';

export interface ErrorPlace {
  readonly subgraph: string;
  /** The path of the data of the fetch, with `@` for each index of a list. */
  readonly within: Path;
  /** The response names of fields that the planner has renamed, by the name of the planner. */
  readonly renamed: ReadonlyMap<unknown, string>;
  /** The requested entities, in order; undefined for root fields. */
  readonly entities: readonly object[] | undefined;
  /** The data of the whole reply, which contain the entities. */
  readonly data: JsonObject | undefined;
}

export function clientErrors(errors: readonly SubgraphError[], place: ErrorPlace): GraphQLError[] {
  let places: ReadonlyMap<object, Path> | undefined;
  /** The paths of the entities are computed when the first error needs one. */
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
    // A plain object in place of an Error: the subgraph has logged the error with its stack.
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

/** Cuts the path at the first list. */
export function upToList(path: Path): Path {
  const list = path.indexOf('@');
  return list < 0 ? path : path.slice(0, list);
}

/** The path of each entity. */
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
