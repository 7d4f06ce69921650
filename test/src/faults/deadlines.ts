// A mutation that waits for a connection past the deadline of its caller is refused and does not write.
import { TIMEOUT_HEADER } from '@holdfast/platform/http/server';
import { describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { Client, eventually, uniqueName } from '../support/client.ts';
import { inspect } from '../support/invariants.ts';
import { scrape, sumOf } from '../support/metrics.ts';
import type { Subgraph } from '../support/running-system.ts';
import { askSubgraph } from '../support/subgraph.ts';
import type { FaultSuite } from './suite.ts';

/** Long enough for a request to reach the pool on a busy machine. */
const TIMEOUT_MS = 2_000;

interface Mutation {
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
}

interface Case {
  readonly service: Subgraph;
  /** Makes a row, and the mutation that waits for it with the only connection of the service. */
  readonly occupy: () => Promise<
    { readonly table: string; readonly id: string; readonly token: string } & Mutation
  >;
  /** The mutation that waits for the connection, and what the database has when it was not done. */
  readonly wait: () => Promise<
    Mutation & { readonly look: () => Promise<unknown>; readonly undone: unknown }
  >;
}

const CANCEL = 'mutation($id: ID!) { cancelOrder(id: $id, expectedVersion: 2) { __typename } }';
const CREATE = 'mutation($input: CreateProductInput!) { createProduct(input: $input) { __typename } }';

export function describeDeadlines({ system, client, account }: FaultSuite): void {
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

  const productNamed = (name: string) => ({
    query: CREATE,
    variables: { input: { name, price: '1.00', stock: 1 } },
    look: () => readRows('SELECT name FROM products.products WHERE name = $1', [name]),
    undone: [],
  });

  const ofProducts: Case = {
    service: 'products',
    occupy: async () => {
      const { id } = await client.product(account.token);
      const query = 'mutation($id: ID!) { adjustStock(id: $id, delta: 1) { __typename } }';
      return { table: 'products.products', id, token: account.token, query, variables: { id } };
    },
    wait: async () => productNamed(uniqueName('late')),
  };
  const ofOrders: Case = {
    service: 'orders',
    occupy: async () => {
      const id = await placeConfirmedOrder();
      return { table: 'orders.orders', id, token: account.token, query: CANCEL, variables: { id } };
    },
    wait: async () => {
      const id = await placeConfirmedOrder();
      const look = () => readRows('SELECT status FROM orders.orders WHERE id = $1', [id]);
      return { query: CANCEL, variables: { id }, look, undone: [{ status: 'CONFIRMED' }] };
    },
  };
  const ofUsers: Case = {
    service: 'users',
    occupy: async () => {
      const { id, token } = await client.account();
      return { table: 'users.users', id, token, query: 'mutation { logoutEverywhere }', variables: {} };
    },
    wait: async () => {
      const username = uniqueName('late');
      return {
        query: 'mutation($input: RegisterInput!) { register(input: $input) { __typename } }',
        variables: { input: { username, email: `${username}@example.com`, password: 'a password for late' } },
        look: () => readRows('SELECT username FROM users.users WHERE username = $1', [username]),
        undone: [],
      };
    },
  };

  /** The name of the pool for mutations of a service, which has one connection here. */
  const writesOf = (service: Subgraph): string => `${service}-writes`;

  /** Resolves once `count` requests wait for the connection of a service. */
  const untilWaiting = (service: Subgraph, count: number): Promise<unknown> =>
    eventually(
      () => scrape(system.opsUrl(service, '/metrics')),
      (metrics) => sumOf(metrics, 'database_pool_waiting', { pool: writesOf(service) }) === count,
    );

  /** Makes the only connection of a service wait for a row. Resolves with a function that releases the row and awaits the mutation. */
  async function occupy({ service, occupy: prepare }: Case): Promise<() => Promise<void>> {
    const { table, id, token, query, variables } = await prepare();
    const holder = new pg.Client({ connectionString: system.adminUrl });
    await holder.connect();
    await holder.query('BEGIN');
    await holder.query(`SELECT FROM ${table} WHERE id = $1 FOR UPDATE`, [id]);
    const blocked = askSubgraph(system, service, { query, variables, token });
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

  describe.each([ofProducts, ofOrders, ofUsers])('of a mutation of $service', (each) => {
    it('refuses it when it has waited past the deadline for a connection, and not when it has time left', async () => {
      const { service, wait } = each;
      const [late, patient] = [await wait(), await wait()];
      const release = await occupy(each);
      const ask = ({ query, variables }: Mutation, headers = {}) =>
        askSubgraph(system, service, { query, variables, token: account.token, headers });
      const refused = ask(late, { [TIMEOUT_HEADER]: String(TIMEOUT_MS) });
      await untilWaiting(service, 1);
      await new Promise((resolve) => setTimeout(resolve, TIMEOUT_MS));
      const done = ask(patient);
      await untilWaiting(service, 2);
      await release();
      expect((await refused).errors).toMatchObject([{ extensions: { code: 'SERVICE_UNAVAILABLE' } }]);
      expect(await late.look()).toEqual(late.undone);
      expect((await done).errors).toEqual([]);
      expect(await patient.look()).not.toEqual(patient.undone);
    });
  });

  it('after which the gateway has answered with 503 prevents that the call is carried out', async () => {
    const { token } = account;
    const hasty = await system.another('gateway', { REQUEST_TIMEOUT_MS: String(TIMEOUT_MS) });
    const hastyClient = await Client.of(hasty.url);
    const release = await occupy(ofProducts);
    const name = uniqueName('given-up');
    const reply = await hastyClient.rest('POST', '/products', { token, body: { name, price: 1, stock: 1 } });
    expect(reply.status).toBe(503);
    await release();
    // A pool gives its connection to the requests in their order, so the request that waited before this one has ended.
    await client.product(token);
    expect(await productNamed(name).look()).toEqual([]);
    await hasty.stop();
  });
}
