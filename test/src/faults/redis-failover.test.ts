// Sentinel promotes the replica, and the address of the primary follows later, for new connections only, as a Service of
// Kubernetes does. The old primary lives on as a replica, which answers reads and refuses writes, or it hangs. Limits
// and cache are shared again without a restart, and no request fails meanwhile.
import { setTimeout as sleep } from 'node:timers/promises';
import { createLogger } from '@holdfast/platform/log';
import { createRedis } from '@holdfast/platform/redis';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createClient } from 'redis';
import { z } from 'zod';
import { type Account, Client, eventually } from '../support/client.ts';
import { scrape, sumOf } from '../support/metrics.ts';
import { type MovingAddress, startMovingAddress } from '../support/moving-address.ts';
import { type RedisServer, SENTINEL_NAME, startRedis, startSentinel } from '../support/redis.ts';
import { type System, startSystem } from '../support/system.ts';

const PASSWORD = 'of-the-test';
/** In which a client must have found the new primary, once its address leads there. */
const FOUND_WITHIN_MS = 10_000;
const MAX = 100_000;
const TTL_S = 2;

let sentinel: RedisServer;
let service: MovingAddress;
let system: System;
let client: Client;
let account: Account;
let productId: string;
/** The primary, and the replica that is to take its place. */
let old: RedisServer;
let next: RedisServer;

beforeAll(async () => {
  old = await startRedis({ password: PASSWORD });
  next = await startRedis({ password: PASSWORD, replicaOf: old });
  sentinel = await startSentinel(old);
  // It finds replicas, and makes one of an old primary, by asking each server now and then: 10 s and 2 s otherwise.
  await command(sentinel, 'SENTINEL', 'DEBUG', 'info-period', '300', 'publish-period', '200');
  service = await startMovingAddress(old.url);
  system = await startSystem({
    env: {
      REDIS_URL: service.url,
      CACHE_TTL_S: String(TTL_S),
      RATE_LIMITS: `user=${MAX}/1h,register=1000/1m`,
    },
  });
  client = await Client.of(system.url);
  account = await client.account();
  productId = (await client.product(account.token)).id;
}, 60_000);
afterAll(async () => {
  await system?.stop();
  await service?.close();
  for (const server of [sentinel, next, old]) await server?.stop();
});

/** Sends one command to a server itself, and not by way of the Service. */
async function command(server: RedisServer, ...args: string[]): Promise<unknown> {
  const direct = createClient({ url: server.url, socket: { reconnectStrategy: false } });
  direct.on('error', () => undefined);
  try {
    await direct.connect();
    return await direct.sendCommand(args);
  } finally {
    direct.destroy();
  }
}
const is = (server: RedisServer, sign: string, withinMs?: number) =>
  eventually(
    async () => String(await command(server, 'INFO', 'replication')),
    (info) => info.includes(sign),
    withinMs,
  );

const keysOf = (server: RedisServer, pattern: string) =>
  command(server, 'KEYS', pattern).then((reply) => z.array(z.string()).parse(reply));

const metricsOf = (name: 'gateway' | 'products') => scrape(system.opsUrl(name, '/metrics'));
const up = async () =>
  [await metricsOf('gateway'), await metricsOf('products')].map((metrics) => sumOf(metrics, 'redis_up'));
const profile = () => client.rest('GET', '/profile', { token: account.token });
const read = () => client.rest('GET', `/products/${productId}`);
/** How many more calls the caller's window has room for. */
const remaining = async () => Number(/r=(\d+)/.exec((await profile()).headers.get('ratelimit') ?? '')?.[1]);

/** Edits, reads and counted calls, one after the other, until told. Gives what was wrong with them. */
function sendRequests() {
  let isOver = false;
  const wrong: string[] = [];
  const edits: { version: number; endedAt: number }[] = [];
  const check = ({ status }: { status: number }, call: string) =>
    status === 200 || wrong.push(`${call}: ${status}`);
  const send = async () => {
    for (let { version } = (await read()).body; !isOver; await sleep(20)) {
      const edit = await client.rest('PATCH', `/products/${productId}`, {
        token: account.token,
        headers: { 'if-match': `"${version}"` },
        body: { description: `edit of ${version}` },
      });
      check(edit, 'edit');
      version = edit.body.version;
      edits.push({ version, endedAt: performance.now() });

      const startedAt = performance.now();
      const shown = await read();
      check(shown, 'read');
      const oldest = edits.findLast(({ endedAt }) => endedAt < startedAt - TTL_S * 1_000)?.version ?? 0;
      if (shown.body.version < oldest) wrong.push(`shown ${shown.body.version} instead of ${oldest}`);
      check(await profile(), 'profile');
    }
  };
  const sent = send();
  return async () => {
    isOver = true;
    await sent;
    return wrong;
  };
}

describe.each([
  {
    name: 'lives on as a replica',
    fail: async () => {
      await command(sentinel, 'SENTINEL', 'FAILOVER', SENTINEL_NAME);
      await is(old, 'role:slave', 30_000);
    },
  },
  { name: 'hangs', fail: async () => old.pause() },
])('after a failover in which the old primary $name', ({ fail }) => {
  it('limits and cache are shared in the new primary within 10 s of the move of its address', async () => {
    await is(old, 'state=online');
    await eventually(up, (both) => both.every((each) => each === 1));
    const startedAt = await remaining();
    const end = sendRequests();

    await fail();
    await is(next, 'role:master', 30_000);
    // The address leads to the old one still.
    await eventually(up, (both) => both.every((each) => each === 0));
    service.moveTo(next.url);
    await eventually(up, (both) => both.every((each) => each === 1), FOUND_WITHIN_MS);
    expect(await end()).toEqual([]);

    const left = await remaining();
    expect(left).toBeLessThan(startedAt);
    const [key = ''] = await keysOf(next, 'holdfast:limit:user:*');
    // As another gateway would.
    await command(next, 'INCRBY', key, '1000');
    expect(await remaining()).toBe(left - 1_001);

    const hits = async () => sumOf(await metricsOf('products'), 'cache_requests_total', { result: 'hit' });
    await read();
    const before = await hits();
    await read();
    expect(await hits()).toBeGreaterThan(before);
    expect(await keysOf(next, `catalog:*:product:${productId}`)).toHaveLength(1);
    [old, next] = [next, old];
  }, 90_000);
});

it('a primary that becomes a replica is not used for half a second longer, though it answers reads', async () => {
  const server = await startRedis();
  const redis = createRedis({ url: server.url, timeoutMs: 2_000, log: createLogger('test', 'silent') });
  const isUp = async () => redis.up;
  try {
    await eventually(isUp, (used) => used);
    await command(server, 'REPLICAOF', '127.0.0.1', '1');
    await eventually(isUp, (used) => !used, 500);
    await expect(redis.run((commands) => commands.get('a'))).rejects.toThrow('Redis is away');
    await command(server, 'REPLICAOF', 'NO', 'ONE');
    await eventually(isUp, (used) => used);
  } finally {
    await redis.close();
    await server.stop();
  }
});
