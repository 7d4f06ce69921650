// Whether a subgraph serves what a supergraph promises of it. During an upgrade it may still be the version before.
import { buildSubgraph, federationMetadata, type Subgraph, Supergraph } from '@apollo/federation-internals';
import { findBreakingChanges, type GraphQLSchema } from 'graphql';

/** What a supergraph needs of one subgraph. */
export interface NeededSchema {
  /** What a subgraph with this SDL lacks, in words; it may have more. @throws when the SDL is not one of a subgraph */
  lackingIn(sdl: string): readonly string[];
}

/** By the subgraph's name. @throws when the supergraph cannot be read */
export function neededSchemas(supergraphSdl: string): ReadonlyMap<string, NeededSchema> {
  // @apollo/gateway checks it before it is in force.
  const subgraphs = Supergraph.build(supergraphSdl, { validateSupergraph: false }).subgraphs();
  return new Map([...subgraphs.values()].map((subgraph) => [subgraph.name, neededSchema(subgraph)]));
}

function neededSchema(needed: Subgraph): NeededSchema {
  const schema = schemaOf(needed);
  const keys = keysOf(needed);
  return {
    lackingIn: (sdl) => {
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

/** A gateway is to its subgraphs what a client is to an API: what breaks a client of the needed schema is what is lacking. */
function changesBetween(needed: GraphQLSchema, served: GraphQLSchema): string[] {
  return findBreakingChanges(needed, served)
    .filter(({ type, description }) => !type.startsWith('DIRECTIVE_') && !OF_FEDERATION.test(description))
    .map(({ description }) => description);
}

/** Each version of federation has others of these, and no operation asks for one. */
const OF_FEDERATION = /^(federation|link)__\w+ was removed\.$/;

/** By which fields entities can be asked for, as `@key(fields: "id") of Product`. */
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
