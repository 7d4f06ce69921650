// A caller that closes its connection: PostgreSQL cancels its reads, and its writes are carried out. And a reply that is lost after the
// commit: the caller gets 503, sends the same request again, and its effect exists once.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { eventually, uniqueName } from '../support/client.ts';
import { UNKNOWN_ID } from '../support/ids.ts';
import { inspect } from '../support/invariants.ts';
import { readLogsSoFar } from '../support/logs-so-far.ts';
import { askSubgraph } from '../support/subgraph.ts';
import type { FaultSuite } from './suite.ts';

interface RequestLine {
  readonly msg: string;
  readonly service: string;
  readonly method: string;
  readonly status: number;
  readonly requestId: string;
}

const graphql = (query: string): [string, RequestInit] => [
  '/graphql',
  { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ query }) },
];

export function describeCallers({ system, client, account, links }: FaultSuite): void {
  const readRows = (sql: string, parameters: unknown[] = []): Promise<Record<string, unknown>[]> =>
    inspect(system.adminUrl, async (admin) => (await admin.query(sql, parameters)).rows);

  let locker: pg.Client;
  beforeEach(async () => {
    locker = new pg.Client({ connectionString: system.adminUrl });
    await locker.connect();
  });
  afterEach(() => locker.end());

  /** From now on every statement on the catalog waits in PostgreSQL. */
  async function lockCatalog(): Promise<void> {
    await locker.query('BEGIN');
    await locker.query('LOCK TABLE products.products IN ACCESS EXCLUSIVE MODE');
  }

  /** Statements of requests to the products service that wait for a lock. */
  const countWaiting = async (): Promise<number> => {
    const rows = await readRows(
      `SELECT FROM pg_stat_activity WHERE application_name IN ('products', 'products-writes') AND datname = current_database()
          AND state = 'active' AND wait_event_type = 'Lock'`,
    );
    return rows.length;
  };
  const untilWaiting = (count: number, withinMs?: number) =>
    eventually(countWaiting, (found) => found === count, withinMs);

  /** The lines of requests that the gateway and the products service have logged since the log had `before` lines. */
  const requestsSince = (before: number): RequestLine[] =>
    system
      .logs()
      .slice(before)
      .map((line): RequestLine => JSON.parse(line))
      .filter(({ msg, service }) => msg === 'request' && ['gateway', 'products'].includes(service));

  describe('that leaves', () => {
    // Each has its own words or ids, so that the cache has no answer. There are two connections for reads.
    it.each<[string, [string, RequestInit][]]>([
      [
        'searches',
        [
          [`/products?search=${crypto.randomUUID()}`, {}],
          graphql(
            `{ products(first: 3, filter: { search: "${crypto.randomUUID()}" }) { edges { cursor } } }`,
          ),
        ],
      ],
      [
        'list and look-up',
        [
          ['/products?sort=name_asc&limit=7', {}],
          [`/products/${UNKNOWN_ID}`, {}],
        ],
      ],
    ])('has its %s cancelled in PostgreSQL, and the log has no error of ours', async (_, reads) => {
      await lockCatalog();
      const { length: before } = await readLogsSoFar(system);
      const caller = new AbortController();
      const calls = reads.map(([path, init]) =>
        fetch(system.url + path, { ...init, signal: caller.signal }).then(
          () => 'answered',
          () => 'left',
        ),
      );
      await untilWaiting(calls.length);
      caller.abort();
      expect(await Promise.all(calls)).toEqual(calls.map(() => 'left'));
      await untilWaiting(0, 4_000);
      await locker.query('ROLLBACK');
      const logged = await eventually(
        async () => requestsSince(before),
        ({ length }) => length === 2 * calls.length,
      );
      expect(logged.map(({ status }) => status)).toEqual(logged.map(() => 499));
      expect((await readLogsSoFar(system)).slice(before).join('\n')).not.toContain('a field failed');
      expect((await client.rest('GET', '/products')).status).toBe(200);
    });

    it('has its write carried out', async () => {
      const { id } = await client.product(account.token);
      await lockCatalog();
      const { length: before } = await readLogsSoFar(system);
      const caller = new AbortController();
      const write = fetch(`${system.url}/products/${id}`, {
        method: 'PATCH',
        headers: {
          'content-type': 'application/json',
          authorization: `Bearer ${account.token}`,
          'if-match': '"1"',
        },
        body: JSON.stringify({ name: 'Renamed by a caller that left' }),
        signal: caller.signal,
      }).catch(() => 'left');
      await untilWaiting(1);
      caller.abort();
      expect(await write).toBe('left');
      // A read would be cancelled within this time.
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      expect(await countWaiting()).toBe(1);
      await locker.query('ROLLBACK');
      await eventually(
        () => client.rest('GET', `/products/${id}`),
        ({ body }) => body.name === 'Renamed by a caller that left' && body.version === 2,
      );
      // The gateway has waited for the reply of the service, and its own caller had left.
      const ofWrite = await eventually(
        async () => {
          const logged = requestsSince(before);
          const patch = logged.find(({ method }) => method === 'PATCH');
          return logged.filter(({ requestId }) => requestId === patch?.requestId);
        },
        ({ length }) => length === 2,
      );
      expect(ofWrite.map(({ service, status }) => `${service} ${status}`).sort()).toEqual([
        'gateway 499',
        'products 200',
      ]);
    });
  });

  describe('whose read takes too long', () => {
    it('is refused, and the read is cancelled, long before the gateway gives up', async () => {
      // All reads must wait in PostgreSQL, and none of them for a connection.
      const impatient = await system.another('products', {
        READ_TIMEOUT_MS: '400',
        DATABASE_POOL_MAX: '10',
      });
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
      await untilWaiting(0, 2_000);
      await impatient.stop();
    });
  });

  describe('to whom the reply is lost after the commit', () => {
    /** What happens to the products service between its commit and its reply, and how the test repairs it. */
    const FATES: [string, () => Promise<void>, () => Promise<void>][] = [
      ['its connection is cut', async () => undefined, async () => undefined],
      ['the service is killed', () => system.kill('products'), () => system.restart('products')],
    ];

    it.each(FATES)(
      'because %s, gets its new product, which exists once, with the retry',
      async (_, strike, repair) => {
        const body = { name: uniqueName('once'), price: 1, stock: 5 };
        const call = () =>
          client.rest('POST', '/products', {
            token: account.token,
            body,
            headers: { 'idempotency-key': body.name },
          });
        const lost = links.products.loseNextReply(strike);
        expect((await call()).status).toBe(503);
        await lost;
        const readProducts = () =>
          readRows('SELECT id, stock FROM products.products WHERE name = $1', [body.name]);
        const rows = await readProducts();
        expect(rows).toMatchObject([{ stock: 5 }]);
        await repair();
        // On a busy machine the first answer of a service that has just started may be late.
        const again = await eventually(call, ({ status }) => status !== 503);
        expect(again.status).toBe(201);
        expect(again.body.id).toBe(rows[0]?.['id']);
        expect(await readProducts()).toEqual(rows);
      },
    );

    it('gets the stock, which is changed once, with the retry', async () => {
      const { id } = await client.product(account.token, { stock: 10 });
      const adjust = `mutation($id: ID!, $key: String!) { adjustStock(id: $id, delta: -3, idempotencyKey: $key) {
        __typename ... on Product { stock version } } }`;
      const call = () => client.graphql(adjust, { id, key: `adjust ${id}` }, account.token);
      const lost = links.products.loseNextReply();
      expect((await call()).errors).toMatchObject([{ extensions: { code: 'SERVICE_UNAVAILABLE' } }]);
      await lost;
      const stock = () => readRows('SELECT stock, version FROM products.products WHERE id = $1', [id]);
      expect(await stock()).toEqual([{ stock: 7, version: 2 }]);
      const { data } = await call();
      expect(data.adjustStock).toEqual({ __typename: 'Product', stock: 7, version: 2 });
      expect(await stock()).toEqual([{ stock: 7, version: 2 }]);
    });

    it('continues its session with the retry of a refresh', async () => {
      const refresh = (token: string, key: string) =>
        client.rest('POST', '/token/refresh', {
          body: { refresh_token: token },
          headers: { 'idempotency-key': key },
        });
      const { username, password } = account;
      const login = await client.rest('POST', '/login', { body: { username, password } });
      const lost = links.users.loseNextReply();
      expect((await refresh(login.body.refresh_token, 'one')).status).toBe(503);
      await lost;
      const again = await refresh(login.body.refresh_token, 'one');
      expect(again.status).toBe(200);
      expect((await refresh(again.body.refresh_token, 'two')).status).toBe(200);
    });
  });
}
