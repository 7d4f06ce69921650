// Redis is dead, hangs, is full, or fails over: requests and limits go on, no request waits for long, the log reports it once and a metric
// shows it, and the services use Redis again when it is back, without a restart.
import { setTimeout as sleep } from 'node:timers/promises';
import { createLogger } from '@holdfast/platform/observability/log';
import { createRedis, type Redis } from '@holdfast/platform/redis';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Account, eventually } from '../support/client.ts';
import { measureGrowth, scrape, sumOf } from '../support/metrics.ts';
import { type RedisServer, SENTINEL_NAME, startRedis, startSentinel } from '../support/redis.ts';
import { type FaultSuite, MAX_CALLS, PASSWORD, TTL_S } from './suite.ts';

const USERS = ['gateway', 'products'] as const;

export function describeRedis({ system, client, account, links }: FaultSuite): void {
  let primary: RedisServer;
  let productId: string;
  beforeAll(async () => {
    ({ primary } = links);
    productId = (await client.product(account.token)).id;
  });

  const metricsOf = (name: 'gateway' | 'products') => scrape(system.opsUrl(name, '/metrics'));
  const untilUsed = async (used: boolean) => {
    for (const name of USERS)
      await eventually(
        async () => sumOf(await metricsOf(name), 'redis_up'),
        (up) => up === Number(used),
        30_000,
      );
  };
  /** How often each service has logged a text. A line is written a moment after its event. */
  const countLines = (text: string) =>
    USERS.map(
      (name) => system.logs().filter((line) => line.includes(`"${name}"`) && line.includes(text)).length,
    );
  const untilLoggedOnce = (text: string, before: number[]) =>
    eventually(
      async () => countLines(text),
      (now) => now.every((lines, index) => lines === (before[index] ?? 0) + 1),
    );

  const readProfile = ({ token } = account) => client.rest('GET', '/profile', { token });
  const read = () => client.rest('GET', `/products/${productId}`);
  const edit = (version: number) =>
    client.rest('PATCH', `/products/${productId}`, {
      token: account.token,
      headers: { 'if-match': `"${version}"` },
      body: { description: crypto.randomUUID() },
    });
  /** Makes a call and returns how many more calls the limit of the account allows. */
  const countRemaining = async (of: Account) =>
    Number(/r=(\d+)/.exec((await readProfile(of)).headers.get('ratelimit') ?? '')?.[1]);
  /** Counts calls in Redis, as another gateway does. */
  const countElsewhere = ({ id }: Account, calls: number) =>
    primary.command('INCRBY', `holdfast:limit:user:user ${id}`, String(calls));

  /** A new caller with five more calls. A call that Redis answers too late, on a busy machine, is not counted in Redis. */
  async function createLimited(): Promise<{ caller: Account; remaining: number }> {
    await untilUsed(true);
    const caller = await client.account();
    await countRemaining(caller);
    await countElsewhere(caller, MAX_CALLS - 7);
    return { caller, remaining: await countRemaining(caller) };
  }

  async function writeAndRead(): Promise<void> {
    const edited = await edit((await read()).body.version);
    expect(edited.status).toBe(200);
    expect((await read()).body).toEqual(edited.body);
  }

  const setMaxMemory = (bytes: string) => primary.command('CONFIG', 'SET', 'maxmemory', bytes);

  describe.each([
    { name: 'killed', begin: () => primary.kill(), end: () => primary.restart() },
    { name: 'hanging', begin: async () => primary.pause(), end: async () => primary.resume() },
    { name: 'full, answering errors', begin: () => setMaxMemory('1'), end: () => setMaxMemory('0') },
  ])('with Redis $name', ({ begin, end }) => {
    it('requests and limits go on, one line reports it, and Redis is used again when it is back', async () => {
      const { caller } = await eventually(createLimited, ({ remaining }) => remaining === 5);
      const [lost, found] = [
        countLines('the process works without it'),
        countLines('Redis answers and is used'),
      ];

      await begin();
      const statuses = async (count: number, call: () => Promise<{ status: number }>) => {
        const found: number[] = [];
        while (found.length < count) found.push((await call()).status);
        return found;
      };
      const waits = await Promise.all([
        measureGrowth(system.opsUrl('gateway', '/metrics'), async () => {
          // The gateway remembers how many calls were counted in Redis.
          const expected = [...Array(5).fill(200), ...Array(5).fill(429)];
          expect(await statuses(expected.length, () => readProfile(caller))).toEqual(expected);
        }),
        measureGrowth(system.opsUrl('products', '/metrics'), async () => {
          expect(new Set(await statuses(10, read))).toEqual(new Set([200]));
        }),
      ]);
      // Each failed call of Redis has waited for the timeout.
      for (const grown of waits) expect(grown('redis_failures_total')).toBeLessThan(5);
      await untilUsed(false);
      await writeAndRead();
      const order = await client.rest('POST', '/orders', {
        token: account.token,
        body: { product_id: productId, quantity: 1 },
        headers: { prefer: 'wait=10' },
      });
      expect(order.status).toBe(201);
      for (const name of USERS) expect((await fetch(system.opsUrl(name, '/readyz'))).status).toBe(200);
      await untilLoggedOnce('the process works without it', lost);

      await end();
      await untilUsed(true);
      await untilLoggedOnce('Redis answers and is used', found);
      const left = await countRemaining(account);
      await countElsewhere(account, 1);
      expect(await countRemaining(account)).toBe(left - 2);
      // Rows that were cached before the outage are shown until their time to live ends.
      await sleep(TTL_S * 1_000);
      await writeAndRead();
      expect(countLines('the process works without it')).toEqual(lost.map((lines) => lines + 1));
    }, 240_000);
  });

  /** Sends edits, reads and counted calls, one after the other. Returns a function that ends them and resolves with the wrong replies. */
  function sendRequests(): () => Promise<string[]> {
    let isOver = false;
    const wrong: string[] = [];
    const edits: { version: number; endedAt: number }[] = [];
    const check = (call: string, { status }: { status: number }) =>
      status === 200 || wrong.push(`${call}: ${status}`);
    const send = async () => {
      for (let { version } = (await read()).body; !isOver; await sleep(200)) {
        const edited = await edit(version);
        check('edit', edited);
        version = edited.body.version;
        edits.push({ version, endedAt: performance.now() });
        const startedAt = performance.now();
        const shown = await read();
        check('read', shown);
        const oldest = edits.findLast(({ endedAt }) => endedAt < startedAt - TTL_S * 1_000)?.version ?? 0;
        if (shown.body.version < oldest)
          wrong.push(`read: version ${shown.body.version}, expected ${oldest}`);
        check('profile', await readProfile());
      }
    };
    const sent = send();
    return async () => {
      isOver = true;
      await sent;
      return wrong;
    };
  }

  // Sentinel promotes the replica, and the address follows later, for new connections only, as a Service of Kubernetes does.
  describe('after a failover', () => {
    let replica: RedisServer;
    let sentinel: RedisServer;
    beforeAll(async () => {
      replica = await startRedis({ password: PASSWORD, replicaOf: primary });
      sentinel = await startSentinel(primary);
      // The defaults are too slow for a test (10 s and 2 s), and a Sentinel on a busy machine would do no failover for 30 s.
      const quick = ['info-period', '300', 'publish-period', '200', 'tilt-trigger', '60000'];
      await sentinel.command('SENTINEL', 'DEBUG', ...quick);
    });
    afterAll(async () => {
      // The services use the other server, which the last failover has made the primary again. It ends with the suite.
      await Promise.all([sentinel?.stop(), replica?.stop()]);
    });

    /** Waits until the server reports `sign`. The Sentinel closes connections when it changes a role, so errors are tried again. */
    const untilInfo = (
      server: RedisServer,
      sign: string,
      act: () => Promise<unknown> = async () => undefined,
    ) =>
      eventually(
        async () => {
          await act();
          return String(await server.command('INFO', 'replication').catch(String));
        },
        (info) => info.includes(sign),
        30_000,
      );
    /** The Sentinel refuses this until it knows the replica and during a failover, so it is sent again and again. */
    const requestFailover = () => sentinel.command('SENTINEL', 'FAILOVER', SENTINEL_NAME).catch(String);

    it.each([
      {
        name: 'lives on as a replica, which answers reads',
        fail: async () => {
          await untilInfo(replica, 'role:master', requestFailover);
          await untilInfo(primary, 'role:slave');
        },
      },
      { name: 'hangs', fail: async () => primary.pause() },
    ])(
      'in which the old primary $name, the new one is used within 10 s, and no request fails',
      async ({ fail }) => {
        await untilInfo(primary, 'state=online');
        await untilUsed(true);
        const end = sendRequests();
        await fail();
        await untilInfo(replica, 'role:master');
        await untilUsed(false);
        links.service.moveTo(replica.url);
        const movedAt = performance.now();
        await untilUsed(true);
        expect(performance.now() - movedAt).toBeLessThan(10_000);
        expect(await end()).toEqual([]);

        [primary, replica] = [replica, primary];
        const left = await countRemaining(account);
        await countElsewhere(account, 100);
        expect(await countRemaining(account)).toBe(left - 101);
        // Another product, because the end of the last edit may have reached neither server: its fence then stands for 30 s.
        const { id } = await client.product(account.token);
        await eventually(
          () =>
            measureGrowth(system.opsUrl('products', '/metrics'), () => client.rest('GET', `/products/${id}`)),
          (grown) => grown('cache_requests_total', { result: 'hit' }) === 1,
        );
      },
      90_000,
    );
  });
}

export function describeRedisConnection(): void {
  const TIMEOUT_OF_A_CALL = 50;
  let server: RedisServer;
  let redis: Redis;
  const isUp = async () => redis.up;
  beforeAll(async () => {
    server = await startRedis();
    const log = createLogger('test', 'silent');
    redis = await createRedis({ url: server.url, timeoutMs: TIMEOUT_OF_A_CALL, log });
  });
  afterAll(async () => {
    await redis?.close();
    await server?.stop();
  });

  it('by a URL that the library refuses is an error at the start', async () => {
    const log = createLogger('test', 'silent');
    const create = () => createRedis({ url: 'redis://127.0.0.1:1/no-number', timeoutMs: 50, log });
    await expect(create()).rejects.toThrow('Invalid pathname');
  });

  it('to a primary that becomes a replica is given up within a second, though it answers reads', async () => {
    const measureDemotion = async (): Promise<number> => {
      await eventually(isUp, (up) => up);
      await server.command('REPLICAOF', '127.0.0.1', '1');
      const demotedAt = performance.now();
      await eventually(isUp, (up) => !up, 10_000);
      await server.command('REPLICAOF', 'NO', 'ONE');
      return performance.now() - demotedAt;
    };
    // The best of five tries counts, because a busy machine can delay each of them.
    let bestMs = Number.POSITIVE_INFINITY;
    for (let tries = 0; tries < 5 && bestMs >= 1_000; tries += 1)
      bestMs = Math.min(bestMs, await measureDemotion());
    expect(bestMs).toBeLessThan(1_000);
  });

  it('to a server that hangs delays one call by the timeout, and later calls not at all', async () => {
    await eventually(isUp, (up) => up);
    server.pause();
    const get = () => redis.run((client) => client.get('a'));
    await expect(get()).rejects.toThrow(`no answer within ${TIMEOUT_OF_A_CALL} ms`);
    await expect(get()).rejects.toThrow('Redis is away');
    server.resume();
    await eventually(isUp, (up) => up);
  });
}
