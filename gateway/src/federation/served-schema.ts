// Compares what a subgraph serves with what a supergraph needs. During an upgrade a subgraph may still run an older version.
import { buildSubgraph, federationMetadata, type Subgraph, Supergraph } from '@apollo/federation-internals';
import { findBreakingChanges, type GraphQLSchema } from 'graphql';

/** The schema that a supergraph needs of one subgraph. */
export interface NeededSchema {
  /** Lists what a subgraph with this SDL lacks; it may have more than is needed. @throws when the SDL is not valid */
  findLacking(sdl: string): readonly string[];
}

/** The needed schemas by the name of the subgraph. @throws when the supergraph cannot be read */
export function neededSchemas(supergraphSdl: string): ReadonlyMap<string, NeededSchema> {
  // @apollo/gateway validates the supergraph before it is in force.
  const subgraphs = Supergraph.build(supergraphSdl, { validateSupergraph: false }).subgraphs();
  return new Map([...subgraphs.values()].map((subgraph) => [subgraph.name, neededSchema(subgraph)]));
}

function neededSchema(needed: Subgraph): NeededSchema {
  const schema = schemaOf(needed);
  const keys = keysOf(needed);
  return {
    findLacking: (sdl) => {
      const served = buildSubgraph(needed.name, needed.url, sdl);
      const servedKeys = keysOf(served);
      return [
        ...changesBetween(schema, schemaOf(served)),
        ...[...keys].filter((key) => !servedKeys.has(key)).map((key) => `${key} was removed.`),
      ];
    },
  };
}

const schemaOf = (subgraph: Subgraph): GraphQLSchema => subgraph.schema.toGraphQLJSSchema();

/** Finds the breaking changes: the gateway is a client of the subgraph, so what breaks a client is what is lacking. */
function changesBetween(needed: GraphQLSchema, served: GraphQLSchema): string[] {
  return findBreakingChanges(needed, served)
    .filter(({ type, description }) => !type.startsWith('DIRECTIVE_') && !OF_FEDERATION.test(description))
    .map(({ description }) => description);
}

/** Types of the federation itself, which differ between its versions and which no operation requests. */
const OF_FEDERATION = /^(federation|link)__\w+ was removed\.$/;

/** The keys of entities, as `@key(fields: "id") of Product`. */
function keysOf({ schema }: Subgraph): ReadonlySet<string> {
  const directive = federationMetadata(schema)?.keyDirective();
  const types = [...schema.objectTypes(), ...schema.interfaceTypes()];
  const keys = types.flatMap((type) =>
    (directive === undefined ? [] : type.appliedDirectivesOf(directive))
      .map((key) => key.arguments())
      .filter(({ resolvable }) => resolvable !== false)
      .map(
        ({ fields }) =>
          `@key(fields: "${String(fields)
            .trim()
            .replace(/[\s,]+/g, ' ')}") of ${type.name}`,
      ),
  );
  return new Set(keys);
}
