// A caller that closes its connection: reads that it caused end in PostgreSQL, writes do not. A read
// whose caller stays ends by itself, before the gateway gives up.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { type Account, Client, eventually } from '../support/client.ts';
import { UNKNOWN_ID } from '../support/ids.ts';
import { logsSoFar } from '../support/logs-so-far.ts';
import { askSubgraph } from '../support/subgraph.ts';
import { useSystem } from '../support/use-system.ts';

let client: Client;
let account: Account;
let product: { id: string };
let observer: pg.Client;
let locker: pg.Client;

// Before the system stops, which has a hook of its own.
afterAll(() => observer?.end());
// Longer than a test waits, so that it is not the time that ends the statements.
const system = useSystem({ env: { READ_TIMEOUT_MS: '9500', SUBGRAPH_TIMEOUT_MS: '12000' } });

beforeAll(async () => {
  client = await Client.of(system.url);
  account = await client.account();
  product = await client.product(account.token);
  observer = new pg.Client({ connectionString: system.adminUrl });
  await observer.connect();
});
beforeEach(async () => {
  locker = new pg.Client({ connectionString: system.adminUrl });
  await locker.connect();
});
afterEach(() => locker.end());

/** From now on everything that touches the catalog waits in PostgreSQL. */
async function lockCatalog(): Promise<void> {
  await locker.query('BEGIN');
  await locker.query('LOCK TABLE products.products IN ACCESS EXCLUSIVE MODE');
}

/** Statements of requests to the products service that wait for a lock. */
const waiting = async (): Promise<number> => {
  const { rowCount } = await observer.query(
    `SELECT FROM pg_stat_activity WHERE application_name IN ('products', 'products-writes') AND datname = current_database()
        AND state = 'active' AND wait_event_type = 'Lock'`,
  );
  return rowCount ?? 0;
};
const waits = (count: number, withinMs?: number) => eventually(waiting, (found) => found === count, withinMs);

const graphql = (query: string): [string, RequestInit] => [
  '/graphql',
  { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ query }) },
];
/** Each with words or ids of its own, so that the cache has none of them. */
const reads = (): [string, RequestInit][] => [
  [`/products?search=${crypto.randomUUID()}`, {}],
  ['/products?sort=name_asc&limit=7', {}],
  [`/products/${UNKNOWN_ID}`, {}],
  graphql(`{ products(first: 3, filter: { search: "${crypto.randomUUID()}" }) { edges { cursor } } }`),
];

interface RequestLine {
  readonly msg: string;
  readonly service: string;
  readonly method: string;
  readonly status: number;
  readonly requestId: string;
}

/** What the gateway and the products service have logged of requests since the log had `before` lines. */
const requestsSince = (before: number): RequestLine[] =>
  system
    .logs()
    .slice(before)
    .map((line): RequestLine => JSON.parse(line))
    .filter(({ msg, service }) => msg === 'request' && ['gateway', 'products'].includes(service));

describe('a caller that leaves', () => {
  it('has its lists, searches and look-ups cancelled in PostgreSQL, and is no error of ours', async () => {
    await lockCatalog();
    const { length: before } = await logsSoFar(system);
    const caller = new AbortController();
    const calls = reads().map(([path, init]) =>
      fetch(system.url + path, { ...init, signal: caller.signal }).then(
        () => 'answered',
        () => 'left',
      ),
    );
    await waits(calls.length);
    caller.abort();
    expect(await Promise.all(calls)).toEqual(calls.map(() => 'left'));
    await waits(0, 4_000);
    await locker.query('ROLLBACK');
    const logged = await eventually(
      async () => requestsSince(before),
      ({ length }) => length === 2 * calls.length,
    );
    expect(logged.map(({ status }) => status)).toEqual(logged.map(() => 499));
    expect((await logsSoFar(system)).slice(before).join('\n')).not.toContain('a field failed');
    expect((await client.rest('GET', '/products')).status).toBe(200);
  });

  it('has its write carried out all the same', async () => {
    await lockCatalog();
    const { length: before } = await logsSoFar(system);
    const caller = new AbortController();
    const write = fetch(`${system.url}/products/${product.id}`, {
      method: 'PATCH',
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${account.token}`,
        'if-match': '"1"',
      },
      body: JSON.stringify({ name: 'Renamed by a caller that left' }),
      signal: caller.signal,
    }).catch(() => 'left');
    await waits(1);
    caller.abort();
    expect(await write).toBe('left');
    // Longer than a read takes to be cancelled.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(await waiting()).toBe(1);
    await locker.query('ROLLBACK');
    await eventually(
      () => client.rest('GET', `/products/${product.id}`),
      ({ body }) => body.name === 'Renamed by a caller that left' && body.version === 2,
    );
    // The gateway has waited for the service's reply, and only its own caller was not there to take it.
    const ofWrite = await eventually(
      async () => {
        const logged = requestsSince(before);
        const id = logged.find(({ method }) => method === 'PATCH')?.requestId;
        return logged.filter(({ requestId }) => requestId === id);
      },
      ({ length }) => length === 2,
    );
    expect(ofWrite.map(({ service, status }) => `${service} ${status}`).sort()).toEqual([
      'gateway 499',
      'products 200',
    ]);
  });
});

describe('a read that takes too long', () => {
  it('is refused and cancelled long before a gateway would give up', async () => {
    const impatient = await system.another('products', { READ_TIMEOUT_MS: '400' });
    const lists = [
      `{ products(filter: { search: "${crypto.randomUUID()}" }) { edges { cursor } } }`,
      '{ products(first: 7, sort: NAME_ASC) { edges { cursor } } }',
      `{ product(id: "${UNKNOWN_ID}") { id } }`,
    ];
    await lockCatalog();
    const startedAt = performance.now();
    const replies = await Promise.all(
      lists.map((query) => askSubgraph(system, 'products', { query, url: `${impatient.url}/graphql` })),
    );
    const codes = replies.flatMap(({ errors }) => errors.map(({ extensions }) => extensions.code));
    expect(codes).toEqual(lists.map(() => 'SERVICE_UNAVAILABLE'));
    expect(performance.now() - startedAt).toBeLessThan(3_500);
    await waits(0, 2_000);
    await impatient.stop();
  });
});
