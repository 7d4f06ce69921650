// Subgraphs in the process: the real schemas and graphql-js over made-up data. A call gives what a data source would.

import { composeServices } from '@apollo/composition';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { type DocumentNode, execute, GraphQLError, type GraphQLSchema, Kind, parse } from 'graphql';
import { isJsonObject, type JsonObject } from '../members.ts';
import type { SubgraphReply } from '../subgraph-call.ts';
import {
  resolveInterfaceReference,
  resolveMadeUpField,
  resolveReference,
  type Trouble,
} from './made-up-data.ts';
import { hashOf } from './random.ts';

export interface SubgraphRequest {
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
}

export interface Subgraphs {
  readonly supergraphSdl: string;
  /** Rejects when the trouble is that the subgraph does not answer. */
  call(subgraph: string, request: SubgraphRequest, trouble: number): Promise<SubgraphReply>;
}

/** By the names of the subgraphs. */
export function createSubgraphs(sources: Readonly<Record<string, string>>): Subgraphs {
  const parsed = Object.entries(sources).map(([name, source]) => ({ name, typeDefs: parse(source) }));
  const services = parsed.map((service) => ({ ...service, url: `http://${service.name}.invalid` }));
  const { supergraphSdl, errors } = composeServices(services);
  if (supergraphSdl === undefined) throw new Error(`the corpus does not compose: ${errors?.join('\n')}`);
  const schemas = new Map(parsed.map(({ name, typeDefs }) => [name, schemaOf(name, typeDefs)]));
  const documents = new Map<string, DocumentNode>();

  return {
    supergraphSdl,
    call: async (subgraph, { query, variables }, trouble) => {
      const schema = schemas.get(subgraph);
      if (schema === undefined) throw new Error(`one of the subgraphs is expected, got ${subgraph}`);
      const document = documents.get(query) ?? parse(query);
      documents.set(query, document);
      const kind = trouble === 0 ? -1 : hashOf(`${trouble} ${subgraph} ${query}`) % 16;
      if (kind === 0) throw createUnavailableError(subgraph);
      const result = await execute({
        schema,
        document,
        variableValues: variables,
        contextValue: { trouble },
        fieldResolver: resolveMadeUpField,
      });
      const reply: SubgraphReply = JSON.parse(JSON.stringify(result));
      withoutInterfaceTypes(reply.data?.['_entities']);
      return kind === 1 ? withoutPaths(reply) : kind === 2 ? emptyReply(query) : reply;
    },
  };
}

const emptyReply = (query: string): SubgraphReply => ({
  data: null,
  errors: [{ message: 'every field fails', ...(query.includes('_entities(') && { path: ['_entities'] }) }],
});

/**
 * What a subgraph with an interface object calls an entity is not its type. Apollo's executor takes it for that, and loses
 * members (see fetch.ts), so the corpus leaves it out.
 */
function withoutInterfaceTypes(entities: unknown): void {
  if (!Array.isArray(entities)) return;
  for (const entity of entities) if (entity?.['__typename'] === 'Media') delete entity['__typename'];
}

const createUnavailableError = (subgraph: string): GraphQLError =>
  new GraphQLError(`The ${subgraph} service is not answering.`, {
    extensions: { code: 'SERVICE_UNAVAILABLE' },
  });

const withoutPaths = ({ data, errors }: SubgraphReply): SubgraphReply => ({
  data: data ?? null,
  errors: [...(errors ?? []), { message: 'slow' }].map(({ message }) => ({ message })),
});

function schemaOf(subgraph: string, typeDefs: DocumentNode): GraphQLSchema {
  const refer = async (reference: unknown, context: Trouble) =>
    isJsonObject(reference) ? resolveReference(subgraph, reference, context) : null;
  const resolvers = Object.fromEntries(
    typeDefs.definitions.flatMap((definition) => {
      if (
        definition.kind !== Kind.OBJECT_TYPE_DEFINITION &&
        definition.kind !== Kind.INTERFACE_TYPE_DEFINITION
      )
        return [];
      if (!definition.directives?.some(({ name }) => name.value === 'key')) return [];
      const isObject = definition.kind === Kind.OBJECT_TYPE_DEFINITION;
      const resolve = isObject ? refer : (reference: JsonObject) => resolveInterfaceReference(reference);
      return [[definition.name.value, { __resolveReference: resolve }]];
    }),
  );
  return buildSubgraphSchema({ typeDefs, resolvers });
}
