// A mutation that waits for a connection past the deadline of its caller is refused and does not write.
import { TIMEOUT_HEADER } from '@holdfast/platform/http/server';
import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { type Account, Client, eventually, uniqueName } from '../support/client.ts';
import { inspect } from '../support/invariants.ts';
import { scrape, sumOf } from '../support/metrics.ts';
import type { Subgraph } from '../support/running-system.ts';
import { askSubgraph } from '../support/subgraph.ts';
import { useSystem } from '../support/use-system.ts';

/** Long enough for a request to reach the pool on a busy machine. */
const TIMEOUT_MS = 2_000;

const system = useSystem({ env: { DATABASE_POOL_MAX: '1' } });
let client: Client;
let account: Account;

beforeAll(async () => {
  client = await Client.of(system.url);
});
// A test that ends the sessions of its account ends its access tokens.
beforeEach(async () => {
  account = await client.account();
});

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const readRows = (sql: string, parameters: unknown[]): Promise<Record<string, unknown>[]> =>
  inspect(system.adminUrl, async (admin) => (await admin.query(sql, parameters)).rows);

async function placeConfirmedOrder(): Promise<string> {
  const { id } = await client.product(account.token);
  const placed = await client.rest('POST', '/orders', {
    token: account.token,
    body: { product_id: id, quantity: 1 },
  });
  expect(placed.body.status).toBe('CONFIRMED');
  return placed.body.id;
}

interface Mutation {
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
}

interface Case {
  readonly service: Subgraph;
  /** Makes a row, and the mutation that waits for it with the only connection of the service. */
  readonly occupy: () => Promise<{ readonly table: string; readonly id: string } & Mutation>;
  /** The mutation that waits for the connection, and what the database has when it was not done. */
  readonly wait: () => Promise<
    Mutation & { readonly look: () => Promise<unknown>; readonly undone: unknown }
  >;
}

const CANCEL = 'mutation($id: ID!) { cancelOrder(id: $id, expectedVersion: 2) { __typename } }';
const CREATE = 'mutation($input: CreateProductInput!) { createProduct(input: $input) { __typename } }';

const productNamed = (name: string) => ({
  query: CREATE,
  variables: { input: { name, price: '1.00', stock: 1 } },
  look: () => readRows('SELECT name FROM products.products WHERE name = $1', [name]),
  undone: [],
});

const cases: Case[] = [
  {
    service: 'products',
    occupy: async () => {
      const { id } = await client.product(account.token);
      const query = 'mutation($id: ID!) { adjustStock(id: $id, delta: 1) { __typename } }';
      return { table: 'products.products', id, query, variables: { id } };
    },
    wait: async () => productNamed(uniqueName('late')),
  },
  {
    service: 'orders',
    occupy: async () => {
      const id = await placeConfirmedOrder();
      return { table: 'orders.orders', id, query: CANCEL, variables: { id } };
    },
    wait: async () => {
      const id = await placeConfirmedOrder();
      const look = () => readRows('SELECT status FROM orders.orders WHERE id = $1', [id]);
      return { query: CANCEL, variables: { id }, look, undone: [{ status: 'CONFIRMED' }] };
    },
  },
  {
    service: 'users',
    occupy: async () => ({
      table: 'users.users',
      id: account.id,
      query: 'mutation { logoutEverywhere }',
      variables: {},
    }),
    wait: async () => {
      const username = uniqueName('late');
      return {
        query: 'mutation($input: RegisterInput!) { register(input: $input) { __typename } }',
        variables: { input: { username, email: `${username}@example.com`, password: 'a password for late' } },
        look: () => readRows('SELECT username FROM users.users WHERE username = $1', [username]),
        undone: [],
      };
    },
  },
];

/** The name of the pool for mutations of a service, which has one connection here. */
const writesOf = (service: Subgraph): string => `${service}-writes`;

/** Resolves once a request waits for the connection of a service. */
const untilOneWaits = (service: Subgraph): Promise<unknown> =>
  eventually(
    () => scrape(system.opsUrl(service, '/metrics')),
    (metrics) => sumOf(metrics, 'database_pool_waiting', { pool: writesOf(service) }) > 0,
  );

/** Makes the only connection of a service wait for a row. Resolves with a function that releases the row and awaits the mutation. */
async function occupy({ service, occupy: prepare }: Case): Promise<() => Promise<void>> {
  const { table, id, query, variables } = await prepare();
  const holder = new pg.Client({ connectionString: system.adminUrl });
  await holder.connect();
  await holder.query('BEGIN');
  await holder.query(`SELECT FROM ${table} WHERE id = $1 FOR UPDATE`, [id]);
  const blocked = askSubgraph(system, service, { query, variables, token: account.token });
  await eventually(
    () =>
      readRows(
        `SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1 AND wait_event_type = 'Lock'`,
        [writesOf(service)],
      ),
    (rows) => rows.length === 1,
  );
  return async () => {
    await holder.end();
    const { errors } = await blocked;
    expect(errors).toEqual([]);
  };
}

describe.each(cases)('a mutation of $service that waits for a connection', (each) => {
  const { service, wait } = each;

  it('past the deadline of its caller is refused and does not write', async () => {
    const { query, variables, look, undone } = await wait();
    const release = await occupy(each);
    const headers = { [TIMEOUT_HEADER]: String(TIMEOUT_MS) };
    const late = askSubgraph(system, service, { query, variables, token: account.token, headers });
    await untilOneWaits(service);
    await pause(TIMEOUT_MS);
    await release();
    const { errors } = await late;
    expect(errors).toMatchObject([{ extensions: { code: 'SERVICE_UNAVAILABLE' } }]);
    expect(await look()).toEqual(undone);
  });

  it('with time left is done once it has a connection', async () => {
    const { query, variables, look, undone } = await wait();
    const release = await occupy(each);
    const patient = askSubgraph(system, service, { query, variables, token: account.token });
    await untilOneWaits(service);
    await release();
    expect((await patient).errors).toEqual([]);
    expect(await look()).not.toEqual(undone);
  });
});

describe('a call that the gateway has answered with 503', () => {
  it('is not carried out afterwards', async () => {
    const [products] = cases;
    if (products === undefined) throw new Error('there are no cases');
    const hasty = await system.another('gateway', { REQUEST_TIMEOUT_MS: String(TIMEOUT_MS) });
    const hastyClient = await Client.of(hasty.url);
    const release = await occupy(products);
    const name = uniqueName('given-up');
    const reply = await hastyClient.rest('POST', '/products', {
      token: account.token,
      body: { name, price: 1, stock: 1 },
    });
    expect(reply.status).toBe(503);
    await release();
    // A pool gives its connection to the requests in their order, so the request that waited before this one has ended.
    await client.product(account.token);
    expect(await productNamed(name).look()).toEqual([]);
  });
});
