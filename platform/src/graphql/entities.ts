// Loads the entities that other subgraphs refer to, all at once. @apollo/subgraph loads each alone, with a chain of promises for
// each entity.
import type { GraphQLSchemaModule } from '@apollo/subgraph/dist/schema-helper/index.js';

/** The key of an entity, as the gateway sends it. */
export interface EntityKey {
  readonly id: string;
}

/**
 * Loads the entity of each key, in the order of the keys: null for a key without an entity, an Error for an entity that could not be
 * loaded. When it rejects, no entity could be loaded.
 */
export type LoadEntities<Context> = (
  keys: readonly EntityKey[],
  context: Context,
) => Promise<readonly (object | null)[]>;

type Representation = EntityKey & { readonly __typename: string };

/** Resolvers of `_entities` for the types in `loaders`, in place of @apollo/subgraph's own. */
export function createEntityResolvers<Context>(
  loaders: Readonly<Record<string, LoadEntities<Context>>>,
): NonNullable<GraphQLSchemaModule['resolvers']> {
  const typeNames = new WeakMap<object, string>();

  async function loadType(
    typeName: string,
    keys: readonly EntityKey[],
    context: Context,
  ): Promise<readonly (object | null)[]> {
    try {
      const load = loaders[typeName];
      if (load === undefined) throw new Error(`${typeName} is no entity of this service`);
      const entities = await load(keys, context);
      for (const entity of entities)
        if (entity !== null && !typeNames.has(entity)) typeNames.set(entity, typeName);
      return entities;
    } catch (error) {
      return keys.map(() => (error instanceof Error ? error : new Error(String(error))));
    }
  }

  async function loadAll(asked: readonly Representation[], context: Context): Promise<(object | null)[]> {
    const names = [...new Set(asked.map(({ __typename }) => __typename))];
    const ofTypes = await Promise.all(
      names.map(async (name) => {
        const keys = asked.filter(({ __typename }) => __typename === name);
        return [name, (await loadType(name, keys, context)).values()] as const;
      }),
    );
    const next = new Map(ofTypes);
    return asked.map(({ __typename }) => next.get(__typename)?.next().value ?? null);
  }

  return {
    Query: {
      _entities: (
        _: unknown,
        { representations }: { representations: readonly Representation[] },
        context: Context,
      ) => loadAll(representations, context),
    },
    _Entity: { __resolveType: (entity: object) => typeNames.get(entity) },
  };
}
