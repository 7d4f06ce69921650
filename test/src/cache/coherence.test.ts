// The cache is never wrong: nobody is ever shown an older version of a product than anybody has seen before, on
// whatever instance, also while Redis dies, comes back empty, or hangs.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Account, Client, eventually } from '../support/client.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { type System, startSystem } from '../support/system.ts';

const OPERATIONS = 6_000;
/** Without Redis each of them reaches PostgreSQL, and costs several times as much. */
const OPERATIONS_IN_TROUBLE = 2_500;
const CALLERS = 12;
const CREATED = 200;
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
let account: Account;
let client: Client;

beforeAll(async () => {
  redis = await startRedis();
  system = await startSystem({ env: { REDIS_URL: redis.url } });
  const second = await system.another('products');
  urls = [system.subgraphUrl('products'), `${second.url}/graphql`];
  client = await Client.of(system.url);
  account = await client.account();
}, 60_000);
afterAll(async () => {
  await system?.stop();
  await redis?.stop();
});

async function ask(url: string, query: string, variables: object) {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${account.token}`,
      ...(await system.serviceHeaders('products')),
    },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = JSON.parse(await response.text());
  expect(errors).toBeUndefined();
  return data;
}

/** What anybody has seen so far. A reply may show nothing older than what was seen before its request was sent. */
class Witness {
  readonly #newest = new Map<string, Seen>();
  operations = 0;

  async watch(work: () => Promise<readonly Seen[]>): Promise<void> {
    const floor = new Map(this.#newest);
    for (const seen of await work()) {
      const before = floor.get(seen.id);
      if (before && seen.version <= before.version) expect(seen).toEqual(before);
      const newest = this.#newest.get(seen.id);
      if (!newest || newest.version < seen.version) this.#newest.set(seen.id, seen);
    }
    this.operations += 1;
  }

  newest(id: string): Seen {
    const seen = this.#newest.get(id);
    if (!seen) throw new Error(`nobody has seen ${id}`);
    return seen;
  }
}

interface Catalogue {
  readonly mark: string;
  readonly ids: string[];
}

async function stockUp(): Promise<Catalogue> {
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
function operate({ mark, ids }: Catalogue, witness: Witness): Promise<void> {
  const url = pick(urls);
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

async function run(catalogue: Catalogue, witness: Witness, operations: number): Promise<void> {
  await Promise.all(
    Array.from({ length: CALLERS }, async () => {
      while (witness.operations < operations) await operate(catalogue, witness);
    }),
  );
}

async function expectLastEverywhere({ ids }: Catalogue, witness: Witness): Promise<void> {
  for (const url of urls) {
    for (const id of ids) expect((await ask(url, READ, { id })).product).toEqual(witness.newest(id));
  }
}

async function hits(): Promise<number> {
  const text = await (await fetch(system.opsUrl('products', '/metrics'))).text();
  return Number(/^cache_requests_total\{kind="product",result="hit"\} (\d+)/m.exec(text)?.[1] ?? 0);
}

/** Reads until the cache answers: it is in use. */
const cacheInUse = (catalogue: Catalogue) =>
  eventually(
    async () => {
      const before = await hits();
      for (let count = 0; count < 3; count += 1) await ask(urls[0] ?? '', READ, { id: catalogue.ids[0] });
      return (await hits()) - before;
    },
    (more) => more > 0,
    45_000,
  );

describe('the product cache, with two instances on one Redis and one database', () => {
  it(`never shows a version go back in ${OPERATIONS} operations`, async () => {
    const catalogue = await stockUp();
    const witness = new Witness();
    await witness.watch(
      async () =>
        (
          await ask(urls[0] ?? '', ENTITIES, {
            r: catalogue.ids.map((id) => ({ __typename: 'Product', id })),
          })
        )._entities,
    );
    await cacheInUse(catalogue);
    const before = await hits();
    await run(catalogue, witness, OPERATIONS);
    await expectLastEverywhere(catalogue, witness);
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

  it('nor while Redis is killed, comes back empty, and hangs, and is then used again', async () => {
    const catalogue = await stockUp();
    const witness = new Witness();
    await witness.watch(
      async () =>
        (
          await ask(urls[0] ?? '', ENTITIES, {
            r: catalogue.ids.map((id) => ({ __typename: 'Product', id })),
          })
        )._entities,
    );
    await cacheInUse(catalogue);
    const load = run(catalogue, witness, OPERATIONS_IN_TROUBLE);
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
    await expectLastEverywhere(catalogue, witness);
    await cacheInUse(catalogue);
    await run(catalogue, witness, OPERATIONS_IN_TROUBLE + 500);
    await expectLastEverywhere(catalogue, witness);
    expect((await fetch(system.opsUrl('products', '/readyz'))).status).toBe(200);
  }, 300_000);
});
