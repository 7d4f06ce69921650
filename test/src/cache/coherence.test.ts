// What the cache promises, with instances of products that share a Redis and race each other: while Redis answers, no
// reader is shown an older version of a product than any reader was shown before, also when writers are killed; while it
// does not, what readers are shown is at most CACHE_TTL_S old.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Account, Client, eventually } from '../support/client.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { askSubgraph } from '../support/subgraph.ts';
import { type AnotherInstance, type System, startSystem } from '../support/system.ts';

const OPERATIONS = 2_000;
/** Without Redis each of them reaches PostgreSQL, and costs several times as much. */
const OPERATIONS_IN_TROUBLE = 1_200;
const CALLERS = 12;
const CREATED = 100;
const KILLS = 3;
const TTL_S = 2;
// Few, so that readers and writers meet.
const PRODUCTS = 2;

const FIELDS = 'id version stock description';
const READ = `query($id: ID!) { product(id: $id) { ${FIELDS} } }`;
const ENTITIES = `query($r: [_Any!]!) { _entities(representations: $r) { ... on Product { ${FIELDS} } } }`;
const PAGE = `query($search: String) { products(first: 50, filter: { search: $search }) { edges { node { ${FIELDS} } } } }`;
const ADJUST = `mutation($id: ID!) { adjustStock(id: $id, delta: 1) { ... on Product { ${FIELDS} } } }`;
const UPDATE = `mutation($id: ID!, $v: Int!, $d: String!) {
  updateProduct(id: $id, expectedVersion: $v, input: { description: $d }) {
    ... on Product { ${FIELDS} } ... on VersionConflict { current { ${FIELDS} } } } }`;
const CREATE =
  'mutation { createProduct(input: { name: "Cup", price: "1.00", stock: 1 }) { ... on Product { id } } }';
const GUESS = 'query($a: ID!, $b: ID!) { a: product(id: $a) { id } b: product(id: $b) { id } }';

interface Seen {
  readonly id: string;
  readonly version: number;
  readonly stock: number;
  readonly description: string;
}

let redis: RedisServer;
let system: System;
let urls: string[];
let doomed: AnotherInstance;
let account: Account;
let client: Client;

beforeAll(async () => {
  redis = await startRedis();
  // The machine may be busy: a moment without an answer is not the trouble that is meant here.
  const env = { REDIS_URL: redis.url, REDIS_TIMEOUT_MS: '1000', CACHE_TTL_S: String(TTL_S) };
  system = await startSystem({ env });
  const second = await system.another('products');
  doomed = await system.another('products');
  urls = [system.subgraphUrl('products'), `${second.url}/graphql`];
  client = await Client.of(system.url);
  account = await client.account();
}, 60_000);
afterAll(async () => {
  await system?.stop();
  await redis?.stop();
});

/** The instance that was asked does not answer. */
class Away extends Error {}

async function ask(url: string, query: string, variables: object) {
  const call = { url, query, variables, token: account.token };
  const { data, errors } = await askSubgraph(system, 'products', call).catch((cause: unknown) => {
    throw new Away('no answer', { cause });
  });
  expect(errors).toEqual([]);
  return data;
}

/**
 * What readers were shown so far, and when. A reply may show nothing older than what was shown `maxAgeMs` before its request
 * was sent, and each version as it was shown before.
 */
class Witness {
  readonly #shown = new Map<string, { readonly seen: Seen; readonly at: number }[]>();
  operations = 0;
  maxAgeMs = 0;

  async watch(work: () => Promise<readonly Seen[]>): Promise<void> {
    const askedAt = performance.now();
    for (const seen of await work()) {
      const shown = this.#shown.get(seen.id) ?? [];
      const floor = shown.findLast(({ at }) => at <= askedAt - this.maxAgeMs)?.seen.version ?? 0;
      expect(seen.version).toBeGreaterThanOrEqual(floor);
      const same = shown.find(({ seen: { version } }) => version === seen.version);
      if (same) expect(seen).toEqual(same.seen);
      if (seen.version > (shown.at(-1)?.seen.version ?? 0)) shown.push({ seen, at: performance.now() });
      this.#shown.set(seen.id, shown.slice(-1_000));
    }
    this.operations += 1;
  }

  newest(id: string): Seen {
    const seen = this.#shown.get(id)?.at(-1)?.seen;
    if (!seen) throw new Error(`no reader was shown ${id}`);
    return seen;
  }
}

interface Catalog {
  readonly mark: string;
  readonly ids: string[];
}

async function stockUp(): Promise<Catalog> {
  const mark = `mark${crypto.randomUUID().replaceAll('-', '')}`;
  const made = await Promise.all(
    Array.from({ length: PRODUCTS }, () => client.product(account.token, { name: mark })),
  );
  return { mark, ids: made.map(({ id }) => id) };
}

const pick = <T>(from: readonly T[]): T => {
  const one = from[Math.floor(Math.random() * from.length)];
  if (one === undefined) throw new Error('nothing to pick from');
  return one;
};

/** One operation on either instance: mostly reads, one way or another, and some writes. */
function operate({ mark, ids }: Catalog, witness: Witness, url = pick(urls)): Promise<void> {
  const id = pick(ids);
  const dice = Math.random();
  return witness.watch(async () => {
    if (dice < 0.4) return [(await ask(url, READ, { id })).product];
    if (dice < 0.5) {
      const r = ids.map((each) => ({ __typename: 'Product', id: each }));
      return (await ask(url, ENTITIES, { r }))._entities;
    }
    if (dice < 0.75) {
      const { edges } = (await ask(url, PAGE, { search: mark })).products;
      return edges.map(({ node }: { node: Seen }) => node);
    }
    if (dice < 0.93) return [(await ask(url, ADJUST, { id })).adjustStock];
    const { version } = witness.newest(id);
    const { updateProduct } = await ask(url, UPDATE, { id, v: version, d: `after ${version}` });
    return [updateProduct.current ?? updateProduct];
  });
}

async function run(catalog: Catalog, witness: Witness, operations: number): Promise<void> {
  await Promise.all(
    Array.from({ length: CALLERS }, async () => {
      while (witness.operations < operations) await operate(catalog, witness);
    }),
  );
}

async function expectLastEverywhere({ ids }: Catalog, witness: Witness): Promise<void> {
  for (const url of urls) {
    for (const id of ids) expect((await ask(url, READ, { id })).product).toEqual(witness.newest(id));
  }
}

async function hits(): Promise<number> {
  const text = await (await fetch(system.opsUrl('products', '/metrics'))).text();
  return Number(/^cache_requests_total\{kind="product",result="hit"\} (\d+)/m.exec(text)?.[1] ?? 0);
}

/** Reads until the cache answers: it is in use. */
const cacheInUse = (catalog: Catalog) =>
  eventually(
    async () => {
      const before = await hits();
      for (let count = 0; count < 3; count += 1) await ask(urls[0] ?? '', READ, { id: catalog.ids[0] });
      return (await hits()) - before;
    },
    (more) => more > 0,
    45_000,
  );

/** A new catalog, which a witness has seen, with the cache in use. */
async function begin(): Promise<{ readonly catalog: Catalog; readonly witness: Witness }> {
  const catalog = await stockUp();
  const witness = new Witness();
  const r = catalog.ids.map((id) => ({ __typename: 'Product', id }));
  await witness.watch(async () => (await ask(urls[0] ?? '', ENTITIES, { r }))._entities);
  await cacheInUse(catalog);
  return { catalog, witness };
}

describe('the product cache, with instances on one Redis and one database', () => {
  it(`never shows a version go back in ${OPERATIONS} operations`, async () => {
    const { catalog, witness } = await begin();
    const before = await hits();
    await run(catalog, witness, OPERATIONS);
    await expectLastEverywhere(catalog, witness);
    expect((await hits()) - before).toBeGreaterThan(OPERATIONS / 20);
  }, 180_000);

  it('shows a product to all as soon as its creation is answered, also to those who have guessed its id', async () => {
    const created = new Set<number>();
    let newest = 0;
    const create = async (url: string): Promise<void> => {
      const id = Number((await ask(url, CREATE, {})).createProduct.id);
      created.add(id);
      newest = Math.max(newest, id);
    };
    await create(pick(urls));
    const missed = new Set<number>();
    const isCreating = (): boolean => created.size < CREATED;
    const creator = (async () => {
      while (isCreating()) await create(pick(urls));
    })();
    const readers = Array.from({ length: CALLERS }, async () => {
      while (isCreating()) {
        const [known, next] = [newest, newest + 1];
        const { a, b } = await ask(pick(urls), GUESS, { a: known, b: next });
        expect(a).toEqual({ id: String(known) });
        if (b === null) missed.add(next);
      }
    });
    await Promise.all([creator, ...readers]);
    expect([...missed].filter((id) => created.has(id)).length).toBeGreaterThan(CREATED / 3);
  }, 120_000);

  it(`never does while a third instance, which reads and writes, is killed ${KILLS} times`, async () => {
    const { catalog, witness } = await begin();
    const url = `${doomed.url}/graphql`;
    let kills = 0;
    const isOn = (): boolean => kills < KILLS;
    const callersOfTheDoomed = Array.from({ length: CALLERS }, async () => {
      while (isOn())
        await operate(catalog, witness, url).catch(async (error: unknown) => {
          if (!(error instanceof Away)) throw error;
          await sleep(20);
        });
    });
    const others = Array.from({ length: CALLERS }, async () => {
      while (isOn()) await operate(catalog, witness);
    });
    const killer = (async () => {
      for (; isOn(); kills += 1) {
        const from = witness.operations;
        await eventually(
          async () => witness.operations,
          (count) => count > from + 200,
          60_000,
        );
        await doomed.kill();
        await doomed.restart();
      }
    })().finally(() => {
      kills = KILLS;
    });
    await Promise.all([killer, ...callersOfTheDoomed, ...others]);
    await expectLastEverywhere(catalog, witness);
  }, 300_000);

  it(`shows nothing older than ${TTL_S} s while Redis is killed, comes back empty and hangs, and is used again`, async () => {
    const { catalog, witness } = await begin();
    witness.maxAgeMs = TTL_S * 1_000;
    const load = run(catalog, witness, OPERATIONS_IN_TROUBLE);
    const reached = (share: number) =>
      eventually(
        async () => witness.operations,
        (count) => count >= OPERATIONS_IN_TROUBLE * share,
        120_000,
      );
    await reached(0.1);
    redis.pause();
    await reached(0.3);
    redis.resume();
    await reached(0.5);
    await redis.kill();
    await reached(0.7);
    await redis.restart();
    await load;
    await sleep(TTL_S * 1_000);
    await expectLastEverywhere(catalog, witness);
    await cacheInUse(catalog);
    witness.maxAgeMs = 0;
    await run(catalog, witness, OPERATIONS_IN_TROUBLE + 500);
    await expectLastEverywhere(catalog, witness);
    expect((await fetch(system.opsUrl('products', '/readyz'))).status).toBe(200);
  }, 300_000);
});
