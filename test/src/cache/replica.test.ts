// Lists from a streaming standby (DATABASE_REPLICA_URL): who is shown its rows, how old they may be, and what it does to callers
// when it lags, hangs or dies. The replay is paused, so that what the standby lacks is no matter of chance.
import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import pg from 'pg';
import { type Account, Client, eventually } from '../support/client.ts';
import { scrape, sumOf } from '../support/metrics.ts';
import { type StallingProxy, startStallingProxy } from '../support/stalling-proxy.ts';
import { type Standby, startStandby } from '../support/standby.ts';
import { askSubgraph } from '../support/subgraph.ts';
import { type AnotherInstance, type System, startSystem } from '../support/system.ts';

const MAX_AGE_S = 6;
const CALLERS = 8;
const LIST = `query($first: Int, $search: String) { products(first: $first, filter: { search: $search }) { edges { node { version } } } }`;
const ITEM = 'query($id: ID!) { product(id: $id) { version } }';
const ENTITY =
  'query($representations: [_Any!]!) { _entities(representations: $representations) { ... on Product { price } } }';
const EDIT = `mutation($id: ID!) { updateProduct(id: $id, expectedVersion: 1, input: { price: "12.00" }) { ... on Product { version } } }`;

let system: System;
let standby: Standby;
let proxy: StallingProxy;
let replica: pg.Client;
/** The one instance that has the replica. */
let products: AnotherInstance;
let client: Client;
let account: Account;

beforeAll(async () => {
  system = await startSystem({ ownPostgres: true });
  standby = await startStandby(system.adminUrl);
  proxy = await startStallingProxy(standby.urlOf(system.databaseUrls.products));
  replica = await connected();
  const environment = { DATABASE_REPLICA_URL: proxy.url, REPLICA_MAX_AGE_S: String(MAX_AGE_S) };
  products = await system.another('products', environment);
  client = await Client.of(system.url);
  account = await client.account();
}, 120_000);
afterEach(() => proxy.resume());
afterAll(async () => {
  await replica?.end();
  await products?.stop();
  await proxy?.close();
  await standby?.stop();
  await system?.stop();
});

async function connected(): Promise<pg.Client> {
  const administrator = new pg.Client({ connectionString: standby.urlOf(system.adminUrl) });
  administrator.on('error', () => undefined);
  await administrator.connect();
  return administrator;
}

async function ask(query: string, variables: object, token?: string) {
  const { data, errors } = await askSubgraph(system, 'products', {
    url: `${products.url}/graphql`,
    query,
    variables,
    token,
    // As orders asks for a price; lists do not look at it.
    headers: { 'cache-control': 'no-cache' },
  });
  expect(errors).toEqual([]);
  return data;
}

let pages = 0;
/** The versions on a page that no process has kept: it is of a length that was not asked for before. */
async function listed(search: string, token?: string): Promise<number[]> {
  pages += 1;
  const { products: list } = await ask(LIST, { first: 1 + (pages % 100), search }, token);
  return list.edges.map(({ node }: { node: { version: number } }) => node.version);
}

const listReads = async (source: 'primary' | 'replica') =>
  sumOf(await scrape(products.opsUrl('/metrics')), 'list_reads_total', { source });

/** Whether a list of a caller without a token is read from the replica. */
async function readsReplica(): Promise<boolean> {
  const before = await listReads('replica');
  await listed('none');
  return (await listReads('replica')) > before;
}
const untilReplicaIsRead = () => eventually(readsReplica, (isRead) => isRead);

/** A product that the standby has, by its only word. */
async function stockUp(): Promise<{ id: string; mark: string }> {
  const mark = `mark${crypto.randomUUID().replaceAll('-', '')}`;
  const { id } = await client.product(account.token, { name: mark, stock: 10 });
  await eventually(
    async () => (await replica.query('SELECT FROM products.products WHERE name = $1', [mark])).rowCount,
    Boolean,
  );
  return { id, mark };
}

async function pauseReplay(): Promise<void> {
  await replica.query('SELECT pg_wal_replay_pause()');
  const state = () => replica.query('SELECT pg_get_wal_replay_pause_state() AS state');
  await eventually(state, ({ rows }) => rows[0].state === 'paused');
}

/** Lists without a token, by several callers at once, while `work` runs. Any that fails fails the test. */
async function underLoad(work: () => Promise<unknown>): Promise<void> {
  let isOver = false;
  const caller = async () => {
    while (!isOver) await listed('none');
  };
  const callers = Promise.all(Array.from({ length: CALLERS }, caller));
  await work().finally(() => {
    isOver = true;
  });
  await callers;
}

it('shows a writer what was written at once, and others without a token the list of before for a while only', async () => {
  const { id, mark } = await stockUp();
  await untilReplicaIsRead();
  await pauseReplay();
  try {
    const pausedAt = performance.now();
    expect(await ask(EDIT, { id }, account.token)).toEqual({ updateProduct: { version: 2 } });
    expect(await listed(mark)).toEqual([1]);
    expect(await listed(mark, account.token)).toEqual([2]);
    // A token that cannot be used may be that of a writer, too.
    expect(await listed(mark, 'expired')).toEqual([2]);
    // A product by its id, and what an order is told of it, are never the replica's.
    expect(await ask(ITEM, { id })).toEqual({ product: { version: 2 } });
    const representations = [{ __typename: 'Product', id }];
    expect(await ask(ENTITY, { representations })).toEqual({ _entities: [{ price: '12.00' }] });
    // The old page has not come into the cache of all.
    expect(await listed(mark, account.token)).not.toEqual([1]);
    await eventually(
      () => listed(mark),
      ([version]) => version !== 1,
    );
    expect(performance.now() - pausedAt).toBeLessThan((MAX_AGE_S + 3) * 1_000);
    expect(await readsReplica()).toBe(false);
  } finally {
    await replica.query('SELECT pg_wal_replay_resume()');
  }
  await untilReplicaIsRead();
}, 60_000);

it('answers every list while the replica hangs, and uses it again afterwards', async () => {
  await untilReplicaIsRead();
  await underLoad(async () => {
    proxy.stall(true);
    const before = await listReads('primary');
    await eventually(
      () => listReads('primary'),
      (count) => count > before + 2 * CALLERS,
    );
  });
  proxy.resume();
  await untilReplicaIsRead();
}, 60_000);

it('answers every list while the replica is killed, and uses it again afterwards', async () => {
  await untilReplicaIsRead();
  await underLoad(async () => {
    await standby.server.kill();
    const before = await listReads('primary');
    await eventually(
      () => listReads('primary'),
      (count) => count > before + 2 * CALLERS,
    );
  });
  await replica.end();
  await standby.server.restart();
  replica = await connected();
  await untilReplicaIsRead();
}, 60_000);

it('does not take a server for a replica that has become a primary', async () => {
  await untilReplicaIsRead();
  await replica.query('SELECT pg_promote()');
  await eventually(readsReplica, (isRead) => !isRead);
  const { name } = await client.product(account.token, {
    name: `mark${crypto.randomUUID().replaceAll('-', '')}`,
  });
  expect(await listed(name)).toEqual([1]);
}, 60_000);
