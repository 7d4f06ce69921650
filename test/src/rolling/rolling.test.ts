// A deployment as callers meet it: instances are replaced, upgraded and killed under load, behind a load balancer.
import { PROCESSES } from '@holdfast/local/settings/services';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Account, Client, eventually } from '../support/client.ts';
import { expectInvariants, inspect } from '../support/invariants.ts';
import { type Fleet, startFleet } from './fleet.ts';
import { Load } from './load.ts';
import { ADD_COLUMN, DROP_COLUMN, makeNextRelease, SKU } from './next-release.ts';

const UNITS = 1_000_000;
/** No test takes so long unless it hangs. */
const LIMIT_MS = 600_000;

let fleet: Fleet;
let accounts: Account[];
let goods: string[];
let edited: string[];
/** The load neither buys nor edits it, so that a cached row of it stays in the cache. */
let untouched: string;
let load: Load;

beforeAll(async () => {
  fleet = await startFleet();
  const client = await Client.of(fleet.url);
  accounts = await Promise.all(Array.from({ length: 2 }, () => client.account()));
  const make = async (stock: number) => (await client.product(accounts[0]?.token ?? '', { stock })).id;
  goods = await Promise.all(Array.from({ length: 3 }, () => make(UNITS)));
  edited = [await make(1)];
  untouched = await make(1);
}, LIMIT_MS);
afterAll(() => fleet?.stop());

const editsBefore = new Map<string, number>();
beforeEach(() => {
  load = new Load({ url: fleet.url, accounts, goods, edited });
});
afterEach(() => load.stop());

/** Ends the load and checks that the database has all that the replies said. */
async function expectAllKept(): Promise<void> {
  await eventually(
    async () => load.requests,
    (count) => count > 40,
    LIMIT_MS,
  );
  await load.stop();
  report();
  const { adminUrl } = fleet.system;
  const orders = await expectInvariants(adminUrl, new Map(goods.map((id) => [id, UNITS])));
  const statuses = new Map(orders.map(({ id, status }) => [id, status]));
  for (const id of load.answered) expect(statuses.has(id)).toBe(true);
  for (const id of load.cancelled) expect(statuses.get(id)).toBe('CANCELLED');
  const versions = await inspect(adminUrl, async (client) =>
    client.query('SELECT id::text, version FROM products.products WHERE id = ANY($1)', [edited]),
  );
  for (const { id, version } of versions.rows) {
    const edits = (editsBefore.get(id) ?? 0) + (load.edits.get(id) ?? 0);
    expect({ id, version }).toEqual({ id, version: 1 + edits });
    editsBefore.set(id, edits);
  }
}

/** TEST_REPORT=1 npm test -- rolling */
function report(): void {
  if (process.env['TEST_REPORT'] === undefined) return;
  const { requests, placed, cancelled, failures, unrepaired } = load;
  const seconds = Object.entries(fleet.drains).map(([name, all]) => {
    return `${name} ${all.map((each) => each.toFixed(1)).join(' ')}`;
  });
  console.info(
    `${requests} requests, ${placed} orders, ${cancelled.size} cancelled, ${failures.length} failures, ` +
      `${unrepaired.length} not repaired; seconds to drain: ${seconds.join(', ')}\n` +
      failures.map((failure) => JSON.stringify(failure)).join('\n'),
  );
}

const sql = (statement: string) => inspect(fleet.system.adminUrl, (client) => client.query(statement));

/** The readiness of the second gateway; empty while no process answers. */
async function readReadiness(): Promise<{ readonly failing?: readonly string[] }> {
  const reply = await fetch(fleet.secondGatewayReadyUrl).catch(() => undefined);
  return reply === undefined ? {} : JSON.parse(await reply.text());
}

/** The new field of every product by the only gateway, as an entity and in a list; undefined when its schema has no such field. */
async function readSkus(): Promise<unknown[] | undefined> {
  const query = '{ products(first: 100) { edges { node { id sku } } } product(id: "ID") { sku } }';
  const reply = await fetch(`${fleet.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: query.replace('ID', untouched) }),
  });
  const { data, errors } = JSON.parse(await reply.text());
  if (errors) return undefined;
  const nodes: { sku: unknown }[] = data.products.edges.map(({ node }: { node: unknown }) => node);
  return [...nodes, data.product].map(({ sku }) => sku);
}

/** Waits until the load has sent so many more requests. */
async function waitForRequests(more: number): Promise<void> {
  const before = load.requests;
  await eventually(
    async () => load.requests - before,
    (count) => count > more,
    LIMIT_MS,
  );
}

describe('a fleet under load', () => {
  it(
    'is upgraded in the worst order, with a new field, and no request fails',
    async () => {
      const next = await makeNextRelease(fleet.folder);
      expect((await fetch(`${fleet.url}/products/${untouched}`)).status).toBe(200);
      // The gateway comes first. It plans for a field that the products service does not have yet, because the column is missing.
      const gateway = fleet.replace('gateway', next.gateway);
      const others = Promise.all([fleet.replace('users'), fleet.replace('orders')]);
      await eventually(readReadiness, ({ failing }) => failing?.join() === 'subgraphs', LIMIT_MS);
      await sql(ADD_COLUMN);
      await fleet.replace('products', next.products);
      await Promise.all([gateway, others]);
      // No caller is shown a row without the field, such as one that the old version put into the cache.
      const products = [...goods, ...edited, untouched];
      expect(await readSkus()).toEqual([...products, untouched].map(() => SKU));
      await expectAllKept();
      expect(load.failures).toEqual([]);
    },
    LIMIT_MS,
  );

  it(
    'goes back to the version before, and no request fails',
    async () => {
      // A gateway that requests the new field must be gone before the old version of products comes back.
      await fleet.replace('gateway');
      await fleet.replace('products');
      await sql(DROP_COLUMN);
      expect(await readSkus()).toBeUndefined();
      await waitForRequests(20);
      await expectAllKept();
      expect(load.failures).toEqual([]);
      // In both tests, each process ended by itself, before its time limit of 25 s.
      for (const seconds of Object.values(fleet.drains)) {
        expect(seconds.length).toBeGreaterThan(0);
        expect(Math.max(...seconds)).toBeLessThan(20);
      }
    },
    LIMIT_MS,
  );

  it(
    'survives that an instance of every service is killed at once: a retry succeeds for each failed request',
    async () => {
      await Promise.all(PROCESSES.map((service) => fleet.add(service)));
      await Promise.all(PROCESSES.map((service) => fleet.crash(service)));
      await waitForRequests(20);
      await expectAllKept();
      expect(load.unrepaired).toEqual([]);
    },
    LIMIT_MS,
  );
});
