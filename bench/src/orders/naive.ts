// The design of most shops, as a baseline that replaces our orders service behind the same gateway: Apollo Server as its documentation
// shows it. Each request is a transaction that locks the product's row, reads it and writes. It verifies no token, writes no log, and
// stores neither idempotency keys nor histories.
import { readFile } from 'node:fs/promises';
import { ApolloServer } from '@apollo/server';
import { startStandaloneServer } from '@apollo/server/standalone';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { parse } from 'graphql';
import { decodeJwt } from 'jose';
import pg from 'pg';
import { announce, readArgument } from '../program.ts';

/** The default of pg. */
const CONNECTIONS = 10;
const pool = new pg.Pool({ connectionString: readArgument(0), max: CONNECTIONS });

const LOCK = 'SELECT price, stock FROM products.products WHERE id = $1 AND archived_at IS NULL FOR UPDATE';
const TAKE = 'UPDATE products.products SET stock = stock - $2, version = version + 1 WHERE id = $1';
const INSERT = `INSERT INTO orders.orders (user_id, product_id, quantity, unit_price, total_price, status)
  VALUES ($1, $2, $3::int, $4::numeric, $4::numeric * $3::int, 'CONFIRMED')
  RETURNING id, user_id, product_id, quantity, unit_price AS "unitPrice", total_price AS "totalPrice", status, version,
            created_at AS "createdAt", updated_at AS "updatedAt"`;

async function inTransaction<Result>(work: (client: pg.PoolClient) => Promise<Result>): Promise<Result> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const result = await work(client);
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  } finally {
    client.release();
  }
}

interface Context {
  readonly userId: string | undefined;
}

interface Wanted {
  readonly productId: string;
  readonly quantity: number;
}

const place = (userId: string | undefined, { productId, quantity }: Wanted): Promise<object> =>
  inTransaction(async (client) => {
    const [product] = (await client.query(LOCK, [productId])).rows;
    if (product === undefined || product.stock < quantity)
      return { __typename: 'OutOfStock', code: 'OUT_OF_STOCK', message: 'Sold out.', available: 0 };
    await client.query(TAKE, [productId, quantity]);
    const { rows } = await client.query(INSERT, [userId, productId, quantity, product.price]);
    return { __typename: 'Order', ...rows[0] };
  });

const sdl = await readFile(new URL('../../../subgraphs/orders/schema.graphql', import.meta.url), 'utf8');
const resolvers = {
  Mutation: {
    createOrder: (_: unknown, { input }: { input: Wanted }, { userId }: Context) => place(userId, input),
  },
  Order: {
    user: (order: { user_id: number }) => ({ id: order.user_id }),
    product: (order: { product_id: number }) => ({ id: order.product_id }),
  },
};
const server = new ApolloServer<Context>({
  schema: buildSubgraphSchema([{ typeDefs: parse(sdl), resolvers }]),
});
const { url } = await startStandaloneServer(server, {
  listen: { port: 0, host: '127.0.0.1' },
  // A starting gateway requests the schema without a user.
  context: async ({ req: { headers } }) => ({
    userId: headers.authorization && decodeJwt(headers.authorization.slice('Bearer '.length)).sub,
  }),
});
announce(Number(new URL(url).port));
