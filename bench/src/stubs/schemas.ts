// The schemas of the subgraphs: unchanged, composed, and in federation 1 for mercurius.
import { readFile } from 'node:fs/promises';
import { composeServices } from '@apollo/composition';
import { type ASTNode, type FieldDefinitionNode, Kind, parse, print, visit } from 'graphql';

export const SUBGRAPHS = ['users', 'products', 'orders'] as const;
export type SubgraphName = (typeof SUBGRAPHS)[number];

export const schemaOf = (name: SubgraphName): Promise<string> =>
  readFile(new URL(`../../../subgraphs/${name}/schema.graphql`, import.meta.url), 'utf8');

/** The URL of the stub of the subgraph `name`. */
export const subgraphUrl = (stubs: string, name: SubgraphName): string => `${stubs}/${name}/graphql`;

/** Composes the supergraph of the stubs at `stubs`. @throws when the schemas do not compose */
export async function composeOver(stubs: string): Promise<string> {
  const services = SUBGRAPHS.map(async (name) => ({
    name,
    url: subgraphUrl(stubs, name),
    typeDefs: parse(await schemaOf(name)),
  }));
  const { supergraphSdl, errors } = composeServices(await Promise.all(services));
  if (supergraphSdl === undefined) throw new Error(`the schemas do not compose: ${errors?.join('\n')}`);
  return supergraphSdl;
}

const ROOT_TYPES = ['Query', 'Mutation'];
/** The owner of each entity: the subgraph with most of its fields. Federation 1 needs exactly one owner. */
const OWNERS: Readonly<Record<string, SubgraphName>> = {
  User: 'users',
  Product: 'products',
  Order: 'orders',
};

/** The SDL of a subgraph in federation 1: `extend type` and `@external` for entities of other subgraphs, and no directive but `@key`. */
export async function federation1SchemaOf(name: SubgraphName): Promise<string> {
  const document = visit(parse(await schemaOf(name)), {
    SchemaExtension: () => null,
    Directive: (node) =>
      node.name.value === 'key' ? { ...node, arguments: node.arguments?.slice(0, 1) } : null,
    ObjectTypeDefinition: {
      leave: (node) => {
        const owner = OWNERS[node.name.value];
        const isForeign = owner !== undefined && owner !== name;
        if (!isForeign && !ROOT_TYPES.includes(node.name.value)) return undefined;
        const { description: _, ...extension } = node;
        const fields = isForeign ? node.fields?.map(markExternal) : node.fields;
        return { ...extension, fields, kind: Kind.OBJECT_TYPE_EXTENSION } as ASTNode;
      },
    },
  });
  return print(document);
}

const markExternal = (field: FieldDefinitionNode): FieldDefinitionNode =>
  field.name.value === 'id'
    ? { ...field, directives: [{ kind: Kind.DIRECTIVE, name: { kind: Kind.NAME, value: 'external' } }] }
    : field;
