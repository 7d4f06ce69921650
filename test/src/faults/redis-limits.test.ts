// Redis dead, hanging or full: requests go on, limits go on in the process, and Redis is used again when it is back.
import { createLogger } from '@holdfast/platform/log';
import { createRedis, type Redis } from '@holdfast/platform/redis';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Account, Client, eventually } from '../support/client.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { type System, startSystem } from '../support/system.ts';

const REDIS_TIMEOUT_MS = 500;

let server: RedisServer;
let redis: Redis;
let system: System;
let client: Client;

beforeAll(async () => {
  server = await startRedis();
  redis = createRedis({ url: server.url, timeoutMs: 2_000, log: createLogger('test', 'silent') });
  system = await startSystem({
    env: {
      REDIS_URL: server.url,
      REDIS_TIMEOUT_MS: String(REDIS_TIMEOUT_MS),
      RATE_LIMITS: 'user=20/1m,register=1000/1m,login=1000/1m',
    },
  });
  client = await Client.of(system.url);
}, 60_000);
afterAll(async () => {
  await redis?.close();
  await system?.stop();
  await server?.stop();
});

async function metric(line: string): Promise<number> {
  const metrics = await (await fetch(system.opsUrl('gateway', '/metrics'))).text();
  const found = metrics.split('\n').find((each) => each.startsWith(`${line} `));
  return Number(found?.slice(line.length) ?? 0);
}
const countsIn = (place: 'redis' | 'process') => metric(`rate_limit_counts_total{place="${place}"}`);

const gatewayLines = (text: string) =>
  system.logs().filter((line) => line.includes('"service":"gateway"') && line.includes(text)).length;

const profile = ({ token }: Account) => client.rest('GET', '/profile', { token });

interface Trouble {
  readonly name: string;
  readonly begin: () => Promise<unknown>;
  readonly end: () => Promise<unknown>;
}

const setMaxMemory = (bytes: string) => redis.run((commands) => commands.configSet('maxmemory', bytes));

const troubles: Trouble[] = [
  { name: 'killed', begin: () => server.kill(), end: () => server.restart() },
  { name: 'hanging', begin: async () => server.pause(), end: async () => server.resume() },
  { name: 'full, answering errors', begin: () => setMaxMemory('1'), end: () => setMaxMemory('0') },
];

describe.each(troubles)('with Redis $name', ({ begin, end }) => {
  it('requests and limits go on, one line says so, and Redis is used again when it is back', async () => {
    const account = await client.account();
    await eventually(
      () => metric('redis_up'),
      (up) => up === 1,
    );
    await redis.untilUp(10_000);
    const [inRedis, inProcess] = [await countsIn('redis'), await countsIn('process')];
    expect((await profile(account)).headers.get('ratelimit')).toMatch(/^"user";r=19;/);
    expect(await countsIn('redis')).toBe(inRedis + 1);

    const lost = gatewayLines('doing without it');
    const found = gatewayLines('Redis answers and is used');
    await begin();
    const startedAt = performance.now();
    const statuses: number[] = [];
    for (let count = 0; count < 25; count += 1) statuses.push((await profile(account)).status);
    // Waiting for Redis each time would take more than 12 s.
    expect(performance.now() - startedAt).toBeLessThan(8 * REDIS_TIMEOUT_MS);
    // One of the 20 was counted in Redis, and the process remembers it.
    expect(statuses).toEqual([
      ...Array.from({ length: 19 }, () => 200),
      ...Array.from({ length: 6 }, () => 429),
    ]);
    expect(await countsIn('process')).toBeGreaterThanOrEqual(inProcess + 25);
    expect(await metric('redis_up')).toBe(0);
    expect((await fetch(system.opsUrl('gateway', '/readyz'))).status).toBe(200);
    expect(gatewayLines('doing without it')).toBe(lost + 1);

    await end();
    await eventually(
      () => metric('redis_up'),
      (up) => up === 1,
    );
    await eventually(
      async () => gatewayLines('Redis answers and is used'),
      (lines) => lines === found + 1,
    );
    const before = await countsIn('redis');
    const back = await profile(account);
    expect(back.status).toBe(200);
    expect(await countsIn('redis')).toBe(before + 1);
    expect(gatewayLines('doing without it')).toBe(lost + 1);
  });
});
