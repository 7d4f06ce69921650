// Lists from a streaming standby (DATABASE_REPLICA_URL): which callers are shown its rows, how old the rows may be, and what callers see
// when it lags, hangs or dies. The tests pause the replay, so that they know which rows the standby does not have.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import pg from 'pg';
import { eventually } from '../support/client.ts';
import { scrape, sumOf } from '../support/metrics.ts';
import type { Shop } from '../support/shop.ts';
import { startStallingProxy } from '../support/stalling-proxy.ts';
import { startStandby } from '../support/standby.ts';
import { askSubgraph } from '../support/subgraph.ts';
import type { AnotherInstance, System } from '../support/system.ts';
import { whileTestsRun } from '../support/use-system.ts';

/** Longer than a test pauses the replay, also on a slow machine. */
const MAX_AGE_S = 60;
/** The least that the settings allow. */
const SHORT_AGE_S = 3;
const CALLERS = 4;
/** More than the pool of the replica and its queue hold, which are 5 and 20 with the default settings. */
const AT_ONCE = 32;
const LIST = `query($first: Int, $search: String) { products(first: $first, filter: { search: $search }) { edges { node { version } } } }`;
const ITEM = 'query($id: ID!) { product(id: $id) { version } }';
const ENTITY =
  'query($representations: [_Any!]!) { _entities(representations: $representations) { ... on Product { price } } }';
const EDIT = `mutation($id: ID!) { updateProduct(id: $id, expectedVersion: 1, input: { price: "12.00" }) { ... on Product { version } } }`;

export function describeReplica({ system, client, account }: Shop<System>): void {
  const standby = whileTestsRun(
    () => startStandby(system.adminUrl),
    (started) => started.stop(),
  );
  const proxy = whileTestsRun(
    () => startStallingProxy(standby.urlOf(system.databaseUrls.products)),
    (started) => started.close(),
  );
  let replica: pg.Client;
  /** This instance reads from the replica. */
  let products: AnotherInstance;
  beforeAll(async () => {
    replica = await connected();
    products = await withReplica(MAX_AGE_S);
  });
  afterEach(() => proxy.resume());
  afterAll(async () => {
    await replica?.end();
    await products?.stop();
  });

  const withReplica = (maxAgeS: number) =>
    system.another('products', { DATABASE_REPLICA_URL: proxy.url, REPLICA_MAX_AGE_S: String(maxAgeS) });

  async function connected(): Promise<pg.Client> {
    const administrator = new pg.Client({ connectionString: standby.urlOf(system.adminUrl) });
    administrator.on('error', () => undefined);
    await administrator.connect();
    return administrator;
  }

  async function ask(query: string, variables: object, token?: string, { url } = products) {
    const { data, errors } = await askSubgraph(system, 'products', {
      url: `${url}/graphql`,
      query,
      variables,
      token,
      // The orders service requests prices with this header. Lists ignore it.
      headers: { 'cache-control': 'no-cache' },
    });
    expect(errors).toEqual([]);
    return data;
  }

  const versionsOn = async (variables: object, token?: string, instance = products): Promise<number[]> =>
    (await ask(LIST, variables, token, instance)).products.edges.map(
      ({ node }: { node: { version: number } }) => node.version,
    );

  let pages = 0;
  /** The versions on a page of a new length, which no cache has. */
  function listed(search: string, token?: string, instance = products): Promise<number[]> {
    pages += 1;
    return versionsOn({ first: 1 + (pages % 100), search }, token, instance);
  }

  /** Requests a new list, which has no products. */
  const listNone = (instance = products) => listed(`none${pages}`, undefined, instance);

  const listReads = async (source: 'primary' | 'replica', instance = products) =>
    sumOf(await scrape(instance.opsUrl('/metrics')), 'list_reads_total', { source });

  /** Whether a list of a caller without a token is read from the replica. */
  async function readsReplica(instance = products): Promise<boolean> {
    const before = await listReads('replica', instance);
    await listNone(instance);
    return (await listReads('replica', instance)) > before;
  }
  const untilReplicaIsRead = (instance = products) =>
    eventually(
      () => readsReplica(instance),
      (isRead) => isRead,
    );

  /** The log lines of an instance that stops using the replica. */
  const readTimesOff = () => system.logs().filter((line) => line.includes('the replica cannot be used'));

  /** Makes a product with a unique word, and waits until the standby has it. */
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

  /** Several callers request lists without a token while `work` runs. A failed list fails the test. */
  async function runUnderLoad(work: () => Promise<unknown>): Promise<void> {
    let isOver = false;
    const caller = async () => {
      while (!isOver) {
        await listNone();
        await sleep(50);
      }
    };
    const callers = Promise.all(Array.from({ length: CALLERS }, caller));
    await work().finally(() => {
      isOver = true;
    });
    await callers;
  }

  it('shows a writer the change at once, and callers without a token the older list', async () => {
    const { id, mark } = await stockUp();
    await untilReplicaIsRead();
    await pauseReplay();
    try {
      expect(await ask(EDIT, { id }, account.token)).toEqual({ updateProduct: { version: 2 } });
      await eventually(
        () => listed(mark),
        ([version]) => version === 1,
      );
      expect(await listed(mark, account.token)).toEqual([2]);
      // An invalid token may belong to a writer, too.
      expect(await listed(mark, 'expired')).toEqual([2]);
      // A product by its id, and the price for an order, are never read from the replica.
      expect(await ask(ITEM, { id })).toEqual({ product: { version: 2 } });
      const representations = [{ __typename: 'Product', id }];
      expect(await ask(ENTITY, { representations })).toEqual({ _entities: [{ price: '12.00' }] });
      // The old page is not in the shared cache.
      expect(await listed(mark, account.token)).toEqual([2]);
    } finally {
      await replica.query('SELECT pg_wal_replay_resume()');
    }
  });

  it('shows no list that lacks a write older than the settings allow', async () => {
    const { id, mark } = await stockUp();
    const strict = await withReplica(SHORT_AGE_S);
    try {
      await untilReplicaIsRead(strict);
      await pauseReplay();
      await ask(EDIT, { id }, account.token);
      const editedAt = performance.now();
      let longestMs = 0;
      // Always the same page, so that the cache takes part.
      for (let version: number | undefined; version !== 2; ) {
        const askedAt = performance.now();
        [version] = await versionsOn({ first: 100, search: mark }, undefined, strict);
        if (version === 1) longestMs = askedAt - editedAt;
        await sleep(50);
      }
      expect(longestMs).toBeLessThan(SHORT_AGE_S * 1_000);
      expect(await readsReplica(strict)).toBe(false);
      await replica.query('SELECT pg_wal_replay_resume()');
      await untilReplicaIsRead(strict);
    } finally {
      await replica.query('SELECT pg_wal_replay_resume()');
      await strict.stop();
    }
  });

  /** Runs `work` while each list waits for a lock on the standby. The primary and all other statements on the standby answer. */
  async function whileListsAreSlow(work: () => Promise<unknown>): Promise<void> {
    const holder = new pg.Client(system.adminUrl);
    await holder.connect();
    try {
      // An open transaction is not flushed, so PostgreSQL would not send it. The switch to a new WAL file flushes it.
      await holder.query('BEGIN; LOCK TABLE products.products; SELECT pg_switch_wal()');
      const locked = () =>
        replica.query(`SELECT FROM pg_locks WHERE relation = 'products.products'::regclass AND granted`);
      await eventually(locked, ({ rowCount }) => rowCount === 1);
      await pauseReplay();
      // The standby does not replay this before the replay continues.
      await holder.query('ROLLBACK');
      await work();
    } finally {
      await holder.end();
      await replica.query('SELECT pg_wal_replay_resume()');
    }
  }

  it('keeps using a replica on which lists are slow, and the primary answers each of these lists', async () => {
    await untilReplicaIsRead();
    const off = readTimesOff();
    await whileListsAreSlow(async () => {
      const before = { primary: await listReads('primary'), replica: await listReads('replica') };
      for (let round = 0; round < 2; round += 1)
        await Promise.all(Array.from({ length: AT_ONCE }, () => listNone()));
      expect((await listReads('primary')) - before.primary).toBe(2 * AT_ONCE);
      expect(await listReads('replica')).toBe(before.replica);
    });
    // A check of the replica that was late on a slow machine may have ended its use. No list may have ended it.
    expect(
      readTimesOff()
        .slice(off.length)
        .filter((line) => /products_page|too many lists/.test(line)),
    ).toEqual([]);
    await untilReplicaIsRead();
  });

  it('answers every list while the replica hangs, and uses it again afterwards', async () => {
    await untilReplicaIsRead();
    const off = readTimesOff();
    await runUnderLoad(async () => {
      proxy.stall(true);
      const before = await listReads('primary');
      await eventually(
        () => listReads('primary'),
        (count) => count > before + 2 * CALLERS,
      );
      await eventually(
        async () => readTimesOff(),
        (times) => times.length > off.length,
      );
    });
    proxy.resume();
    await untilReplicaIsRead();
  });

  it('answers every list while the replica is killed, and uses it again afterwards', async () => {
    await untilReplicaIsRead();
    await runUnderLoad(async () => {
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
  });

  it('does not take a server for a replica that has become a primary', async () => {
    await untilReplicaIsRead();
    await replica.query('SELECT pg_promote()');
    await eventually(readsReplica, (isRead) => !isRead);
    const { name } = await client.product(account.token, {
      name: `mark${crypto.randomUUID().replaceAll('-', '')}`,
    });
    expect(await listed(name)).toEqual([1]);
  });
}
