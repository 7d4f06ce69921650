// A gateway with limits in front of stub subgraphs whose fields are easy to count.
import { type StubSystem, type SubgraphName, startStubSystem } from './stub-system.ts';

const HEADER = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])';
const SCHEMAS: Record<SubgraphName, string> = {
  users: `${HEADER} type Query { me: String echo(text: String): String sure: String! }
    type Mutation { login(input: LoginInput!): String } input LoginInput { username: String! }`,
  products: `${HEADER} type Query { pot: String }`,
  orders: `${HEADER} type Query { order: String } type Mutation { createOrder(n: Int): String other: String }`,
};

export interface LimitedSystem extends StubSystem {
  /** The names of the fields that subgraphs were asked for, in order. */
  readonly asked: string[];
  /** A GraphQL request, from a signed-in user if there is a `userId`. */
  ask(
    query: string,
    variables?: Record<string, unknown>,
    userId?: string,
    path?: string,
  ): Promise<{
    readonly status: number;
    readonly headers: Headers;
    readonly data: Record<string, unknown> | null;
    readonly errors: readonly {
      readonly extensions: { readonly code: string; readonly retryAfter?: number };
    }[];
  }>;
}

export async function startLimitedSystem(
  RATE_LIMITS: string,
  settings: Record<string, string> = {},
): Promise<LimitedSystem> {
  const asked: string[] = [];
  const answer = (name: string) => (_: unknown, args: Record<string, unknown>) => {
    asked.push(name);
    return String(Object.values(args)[0] ?? name);
  };
  const resolvers = {
    users: {
      Query: { me: answer('me'), echo: answer('echo'), sure: answer('sure') },
      Mutation: { login: () => 'in' },
    },
    products: { Query: { pot: answer('pot') } },
    orders: {
      Query: { order: answer('order') },
      Mutation: { createOrder: answer('createOrder'), other: answer('other') },
    },
  };
  const system = await startStubSystem({
    resolvers,
    schemas: SCHEMAS,
    settings: { RATE_LIMITS, ...settings },
  });
  return {
    ...system,
    asked,
    ask: async (query, variables = {}, userId, path = '/graphql') => {
      const reply = await fetch(`${system.url}${path}`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept: 'application/graphql-response+json',
          ...(userId && { authorization: `Bearer ${await system.token(userId)}` }),
        },
        body: JSON.stringify({ query, variables }),
      });
      const { data = null, errors = [] } = JSON.parse(await reply.text());
      return { status: reply.status, headers: reply.headers, data, errors };
    },
  };
}
