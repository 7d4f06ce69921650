// What the cache promises, with instances of products that share a Redis. While Redis answers, no reader is shown an older version
// of a product than any reader was shown before, also when writers are killed. While Redis does not answer a reader or a writer,
// and when a commit hangs for longer than the fence of its write (CACHE_FENCE_S), what readers are shown is at most CACHE_TTL_S old.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { createClient } from 'redis';
import { Client, eventually } from '../support/client.ts';
import { hangCommits, releaseCommits, sessions } from '../support/commits.ts';
import { startStallingProxy } from '../support/stalling-proxy.ts';
import { askSubgraph } from '../support/subgraph.ts';
import { useSharedSystem, whileTestsRun } from '../support/use-system.ts';
import { account, CACHE_FENCE_S, CACHE_TTL_S, client, redis, system } from './loaded-shop.ts';
import { type Ask, type Catalog, ENTITIES, operate, READ, Witness } from './witness.ts';

/** Callers of each instance. */
const CALLERS = 6;
// Few, so that readers and writers meet.
const PRODUCTS = 2;

/** The instance did not answer. */
class Away extends Error {}

describe('the cache of two instances', () => {
  const proxy = whileTestsRun(
    () => startStallingProxy(redis.url),
    (running) => running.close(),
  );
  /** This instance reaches Redis by the proxy, and the tests kill it. */
  const far = whileTestsRun(
    () => system.another('products', { CACHE_REDIS_URL: proxy.url }),
    (instance) => instance.kill(),
  );
  /** The instance that reaches Redis directly. */
  const nearUrl = () => system.subgraphUrl('products');
  const admin = whileTestsRun(
    async () => {
      const connection = new pg.Client({ connectionString: system.adminUrl });
      await connection.connect();
      return connection;
    },
    (connection) => connection.end(),
  );
  afterEach(() => proxy.resume());

  const ask: Ask = async (url, query, variables) => {
    const call = { url, query, variables, token: account.token };
    const { data, errors } = await askSubgraph(system, 'products', call).catch((cause: unknown) => {
      throw new Away('no answer', { cause });
    });
    expect(errors).toEqual([]);
    return data;
  };

  async function stockUp(count: number, fields: object = {}): Promise<Catalog> {
    const mark = `mark${crypto.randomUUID().replaceAll('-', '')}`;
    const made = await Promise.all(
      Array.from({ length: count }, () => client.product(account.token, { name: mark, ...fields })),
    );
    return { mark, ids: made.map(({ id }) => id) };
  }

  describe('racing readers and writers', () => {
    const farUrl = () => `${far.url}/graphql`;

    /** Callers of both instances, while `isOn`. Those of the instance that is killed try again. */
    async function run(catalog: Catalog, witness: Witness, isOn: () => boolean, restMs = () => 0) {
      const call = async (url: string) => {
        while (isOn()) {
          await operate(ask, catalog, witness, url).catch(async (error: unknown) => {
            if (url === nearUrl() || !(error instanceof Away)) throw error;
            await sleep(50);
          });
          await sleep(restMs());
        }
      };
      await Promise.all(
        [nearUrl(), farUrl()].flatMap((url) => Array.from({ length: CALLERS }, () => call(url))),
      );
    }

    /** Does `work` while callers of both instances go on. */
    async function runDuring(
      catalog: Catalog,
      witness: Witness,
      work: () => Promise<void>,
      restMs: () => number,
    ): Promise<void> {
      let isOver = false;
      const working = work().finally(() => {
        isOver = true;
      });
      await Promise.all([working, run(catalog, witness, () => !isOver, restMs)]);
    }

    /** Waits until callers have done so many more operations. */
    async function waitForOperations(witness: Witness, more: number): Promise<void> {
      const from = witness.operations;
      await eventually(
        async () => witness.operations - from,
        (count) => count >= more,
        120_000,
      );
    }

    async function expectLastEverywhere({ ids }: Catalog, witness: Witness): Promise<void> {
      for (const url of [nearUrl(), farUrl()])
        for (const id of ids) expect((await ask(url, READ, { id })).product).toEqual(witness.newest(id));
    }

    async function countHits(): Promise<number> {
      const text = await (await fetch(system.opsUrl('products', '/metrics'))).text();
      return Number(/^cache_requests_total\{kind="product",result="hit"\} (\d+)/m.exec(text)?.[1] ?? 0);
    }

    /** Reads until the cache answers. */
    const waitForCache = (catalog: Catalog) =>
      eventually(
        async () => {
          const before = await countHits();
          for (let count = 0; count < 3; count += 1) await ask(nearUrl(), READ, { id: catalog.ids[0] });
          return (await countHits()) - before;
        },
        (more) => more > 0,
        60_000,
      );

    /** A new catalog that a witness has seen, with the cache in use. */
    async function begin(): Promise<{ readonly catalog: Catalog; readonly witness: Witness }> {
      const catalog = await stockUp(PRODUCTS);
      const witness = new Witness();
      const r = catalog.ids.map((id) => ({ __typename: 'Product', id }));
      await witness.watch(async () => (await ask(nearUrl(), ENTITIES, { r }))._entities);
      await waitForCache(catalog);
      return { catalog, witness };
    }

    it('never see a version go back, also while an instance that reads and writes is killed', async () => {
      const { catalog, witness } = await begin();
      const hitsBefore = await countHits();
      let isKilled = false;
      const killAndRestart = async () => {
        await waitForOperations(witness, 200);
        expect(await countHits()).toBeGreaterThan(hitsBefore);
        await far.kill();
        isKilled = true;
        await far.restart();
        await waitForOperations(witness, 50);
      };
      // The others need not hurry while the instance starts.
      await runDuring(catalog, witness, killAndRestart, () => (isKilled ? 300 : 0));
      await expectLastEverywhere(catalog, witness);
    }, 300_000);

    it(`see what is at most ${CACHE_TTL_S} s old while Redis hangs, is killed and comes back empty, and it is used again`, async () => {
      const { catalog, witness } = await begin();
      witness.maxAgeMs = CACHE_TTL_S * 1_000;
      // A phase is longer than the life of an entry, so that a reader would be shown an entry that lives too long.
      const passPhase = () => Promise.all([sleep((CACHE_TTL_S + 1) * 1_000), waitForOperations(witness, 20)]);
      const disturb = async () => {
        await waitForOperations(witness, 50);
        redis.pause();
        await passPhase();
        redis.resume();
        await waitForOperations(witness, 50);
        await redis.kill();
        await passPhase();
        await redis.restart();
      };
      await runDuring(catalog, witness, disturb, () => 900);
      await sleep(CACHE_TTL_S * 1_000);
      await expectLastEverywhere(catalog, witness);
      await waitForCache(catalog);
      witness.maxAgeMs = 0;
      const until = witness.operations + 60;
      await run(catalog, witness, () => witness.operations < until);
      await expectLastEverywhere(catalog, witness);
      expect((await fetch(system.opsUrl('products', '/readyz'))).status).toBe(200);
    }, 300_000);
  });

  const PAGE = `query($mark: String) { products(filter: { search: $mark }) { edges { node { version price } } } }`;
  const ITEM = 'query($id: ID!) { product(id: $id) { version price } }';
  const PATCH = `mutation($id: ID!) { updateProduct(id: $id, expectedVersion: 1, input: { price: "12.00" }) {
  ... on Product { version } } }`;
  const patch = (id: string | undefined, url = `${far.url}/graphql`) => ask(url, PATCH, { id });

  interface Shown {
    readonly version: number;
    readonly price: string;
  }
  /** The products that look-ups by id show on the instance that reaches Redis directly. */
  const lookUpAll = ({ ids }: Catalog): Promise<Shown[]> =>
    Promise.all(ids.map(async (id) => (await ask(nearUrl(), ITEM, { id })).product));
  const listAll = async ({ mark }: Catalog): Promise<Shown[]> =>
    (await ask(nearUrl(), PAGE, { mark })).products.edges.map(({ node }: { node: Shown }) => node);
  const lookUp = async (catalog: Catalog) => (await lookUpAll(catalog)).map(({ version }) => version);
  const list = async (catalog: Catalog) => (await listAll(catalog)).map(({ version }) => version);
  const shown = async (catalog: Catalog) => [...(await lookUp(catalog)), ...(await list(catalog))];
  /** What `shown` gives when each product has that version. */
  const allAt = (version: number, { ids }: Catalog): number[] => Array(2 * ids.length).fill(version);

  describe('a writer that cannot reach Redis', () => {
    it(`leaves older versions behind for ${CACHE_TTL_S} s at most`, async () => {
      let item: Catalog;
      let committedBy: number;
      let after: number[];
      // Kept versions are shown after the commit, or this test shows no staleness. A machine that is too slow for that tries again.
      do {
        proxy.resume();
        item = await stockUp(1);
        expect(await shown(item)).toEqual(allAt(1, item));
        proxy.stall(true);
        expect((await patch(item.ids[0])).updateProduct.version).toBe(2);
        committedBy = performance.now();
        after = await shown(item);
      } while (after.includes(2));
      await sleep(committedBy + CACHE_TTL_S * 1_000 - performance.now());
      expect(await shown(item)).toEqual(allAt(2, item));
      // Now the fence of the writer arrives in Redis, late.
      proxy.resume();
      for (let count = 0; count < 10; count += 1) {
        expect(await shown(item)).toEqual(allAt(2, item));
        await sleep(100);
      }
    }, 120_000);
  });

  describe('a fence that ends by itself', () => {
    // Also after a failure, because the suites after this one use the same PostgreSQL.
    afterEach(() => releaseCommits(system.adminUrl));

    /** Locks the row of a product. The end of the connection releases it. */
    async function lock(id: string | undefined): Promise<pg.Client> {
      // Not `admin`, because within a transaction PostgreSQL shows pg_stat_activity as it was at the first look.
      const holder = new pg.Client({ connectionString: system.adminUrl });
      await holder.connect();
      await holder.query('BEGIN');
      await holder.query('SELECT FROM products.products WHERE id = $1 FOR UPDATE', [id]);
      return holder;
    }

    const TITLE =
      'leaves no older version behind when its writer was killed after the commit. Before a commit, which hangs, ' +
      `it leaves older versions for ${CACHE_TTL_S} s at most, and orders have the new price at once`;

    it(TITLE, async () => {
      await eventually(
        async () => (await fetch(far.opsUrl('/metrics'))).text(),
        (metrics) => /^redis_up 1$/m.test(metrics),
        60_000,
      );
      const [written, item] = [await stockUp(1), await stockUp(2, { price: 10 })];
      const [first, second] = [await lock(written.ids[0]), await lock(item.ids[1])];
      expect(await lookUp(item)).toEqual([1, 1]);
      expect(await shown(written)).toEqual(allAt(1, written));
      const patches = [patch(written.ids[0]), patch(item.ids[1])];
      await eventually(
        () =>
          admin.query(
            `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'UPDATE products.products%'`,
          ),
        ({ rowCount }) => rowCount === 2,
      );
      expect(await shown(written)).toEqual(allAt(1, written));
      // One of the two writes is committed, and its message does not reach Redis. The commit of the other hangs.
      proxy.stall(true);
      await first.end();
      await eventually(
        async () =>
          (await admin.query('SELECT version FROM products.products WHERE id = $1', [written.ids[0]]))
            .rows[0],
        ({ version }) => version === 2,
      );
      // The cache would still have the older version if there were no fence.
      expect(await shown(written)).toEqual(allAt(2, written));
      await hangCommits(system.adminUrl);
      await second.end();
      const given = Promise.allSettled([...patches, patch(item.ids[0], nearUrl())]);
      await eventually(
        () => sessions(system.adminUrl),
        ({ hanging }) => hanging === 2,
      );
      await far.kill();
      proxy.resume();
      for (let count = 0; count < 10; count += 1) expect(await shown(written)).toEqual(allAt(2, written));
      const until = Date.now() + CACHE_FENCE_S * 1_000 + 1_000;
      while (Date.now() < until) {
        expect(await lookUp(item)).toEqual([1, 1]);
        expect(await shown(written)).toEqual(allAt(2, written));
        await list(item);
        await sleep(1_500);
      }
      await given;
      await releaseCommits(system.adminUrl);
      await eventually(
        () => admin.query('SELECT FROM products.products WHERE id = ANY ($1) AND version = 2', [item.ids]),
        ({ rowCount }) => rowCount === 2,
      );
      const committedBy = Date.now();
      for (const product_id of item.ids) {
        const body = { product_id, quantity: 1 };
        const order = await client.rest('POST', '/orders', { token: account.token, body });
        expect(order.body.unit_price).toBe(12);
      }
      await sleep(committedBy + CACHE_TTL_S * 1_000 - Date.now());
      // The orders have changed the version, and not the price.
      const all = [...(await lookUpAll(item)), ...(await listAll(item))];
      expect(all.map(({ price }) => price)).toEqual(Array(4).fill('12.00'));
    }, 300_000);
  });

  describe('an order of a product of which a cache has another price and stock', () => {
    const PRICE = 25_000;
    const STOCK = 5;
    const CACHED = { price: 0.01, stock: 1_000_000 };
    const sharedSystem = useSharedSystem();

    /** Writes a lower price and more stock into the row of a product that is in Redis. */
    async function forge(id: string): Promise<void> {
      const connection = createClient({ url: redis.url });
      await connection.connect();
      try {
        const [key] = await connection.keys(`catalog:*:product:${id}`);
        const row = key === undefined ? null : await connection.get(key);
        if (key === undefined || row === null) throw new Error(`product ${id} is not cached`);
        const forged = row
          .replace('"price":"25000.00"', '"price":"0.01"')
          .replace('"stock":5', '"stock":1000000');
        await connection.set(key, forged);
      } finally {
        connection.destroy();
      }
    }

    /** Changes the row in the database behind the back of the service, so that the cache in its process keeps the old one. */
    async function changeUnseen(id: string): Promise<void> {
      const database = new pg.Client({ connectionString: sharedSystem.adminUrl });
      await database.connect();
      await database.query('UPDATE products.products SET price = $2, stock = $3 WHERE id = $1', [
        id,
        PRICE,
        STOCK,
      ]);
      await database.end();
    }

    it.each(['Redis', 'the process'])('is decided by what PostgreSQL has: the cache in %s', async (place) => {
      const isInRedis = place === 'Redis';
      const shop = await Client.of(isInRedis ? system.url : sharedSystem.url);
      const { token } = isInRedis ? account : await shop.account();
      const orderForged = async (quantity: number) => {
        const { id } = await shop.product(token, isInRedis ? { price: PRICE, stock: STOCK } : CACHED);
        await (isInRedis ? forge(id) : changeUnseen(id));
        expect((await shop.rest('GET', `/products/${id}`)).body).toMatchObject(CACHED);
        return shop.rest('POST', '/orders', { token, body: { product_id: id, quantity } });
      };
      const placed = await orderForged(3);
      expect([placed.status, placed.body]).toMatchObject([
        201,
        { unit_price: PRICE, total_price: 3 * PRICE },
      ]);
      const refused = await orderForged(STOCK + 1);
      expect([refused.status, refused.body.code]).toEqual([409, 'OUT_OF_STOCK']);
    });
  });
});
