// The three subgraphs in memory, with the real schemas. They execute any query.
import { buildSubgraphSchema } from '@apollo/subgraph';
import { execute, type GraphQLSchema, parse } from 'graphql';
import { z } from 'zod';
import { type SubgraphName, schemaOf } from './schemas.ts';
import { ordersPage, productOf, productsPage, USER } from './shop.ts';

const byId = z.object({ id: z.string() });
const page = z.object({ first: z.number(), after: z.string().nullish() });
const call = z.object({
  query: z.string(),
  variables: z.record(z.string(), z.unknown()).nullish(),
  operationName: z.string().nullish(),
});

const anOrdersPage = (_: unknown, args: unknown) => ordersPage(page.parse(args));

const RESOLVERS = {
  users: { Query: { me: () => USER }, User: { __resolveReference: () => USER } },
  products: {
    Query: {
      product: (_: unknown, args: unknown) => productOf(byId.parse(args).id),
      products: (_: unknown, args: unknown) => productsPage(page.parse(args)),
    },
    Product: { __resolveReference: (reference: unknown) => productOf(byId.parse(reference).id) },
  },
  orders: { Query: { orders: anOrdersPage }, User: { orders: anOrdersPage } },
};

/** Takes the JSON body of a GraphQL request and returns the JSON of its result. */
export type Subgraph = (body: string) => Promise<string>;

export async function createSubgraph(name: SubgraphName): Promise<Subgraph> {
  const resolvers = RESOLVERS[name];
  const schema: GraphQLSchema = buildSubgraphSchema([
    { typeDefs: parse(await schemaOf(name)), resolvers: { ...resolvers } },
  ]);
  return async (body) => {
    const { query, variables, operationName } = call.parse(JSON.parse(body));
    const result = await execute({
      schema,
      document: parse(query),
      variableValues: variables ?? {},
      operationName: operationName ?? undefined,
    });
    return JSON.stringify(result);
  };
}
