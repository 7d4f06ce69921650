// Redis stopped, hanging or answering errors: nothing fails, nobody waits for longer than the setting says, and the log
// and a metric say so once.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createClient } from 'redis';
import { type Account, Client, eventually } from '../support/client.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { type System, startSystem } from '../support/system.ts';

const TIMEOUT_MS = 150;
const READS = 300;
const TTL_S = 1;

let redis: RedisServer;
let system: System;
let client: Client;
let account: Account;
let productId: string;

beforeAll(async () => {
  redis = await startRedis();
  system = await startSystem({
    env: { REDIS_URL: redis.url, REDIS_TIMEOUT_MS: String(TIMEOUT_MS), CACHE_TTL_S: String(TTL_S) },
  });
  client = await Client.of(system.url);
  account = await client.account();
  productId = (await client.product(account.token)).id;
}, 60_000);
afterAll(async () => {
  await system?.stop();
  await redis?.stop();
});

async function metric(name: string): Promise<number> {
  const text = await (await fetch(system.opsUrl('products', '/metrics'))).text();
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1]);
}

const isUsed = (used: boolean) =>
  eventually(
    () => metric('redis_up'),
    (up) => up === (used ? 1 : 0),
    30_000,
  );

/** The 99th percentile of the reads' milliseconds. */
async function p99OfReads(): Promise<number> {
  const times: number[] = [];
  for (let count = 0; count < READS; count += 1) {
    const startedAt = performance.now();
    const { status } = await client.rest('GET', `/products/${productId}`);
    times.push(performance.now() - startedAt);
    expect(status).toBe(200);
  }
  return times.sort((a, b) => a - b)[Math.floor(READS * 0.99)] ?? Number.NaN;
}

const saidSo = () =>
  system
    .logs()
    .filter((line) => line.includes('"service":"products"') && line.includes('Redis does not answer')).length;

const writes = async (): Promise<void> => {
  const { version } = (await client.rest('GET', `/products/${productId}`)).body;
  const edit = await client.rest('PATCH', `/products/${productId}`, {
    token: account.token,
    headers: { 'if-match': `"${version}"` },
    body: { description: crypto.randomUUID() },
  });
  expect(edit.status).toBe(200);
  const read = await client.rest('GET', `/products/${productId}`);
  expect(read.body).toEqual(edit.body);
};

describe.each<[how: string, begin: () => Promise<void>, end: () => Promise<void>]>([
  ['is stopped', () => redis.kill(), () => redis.restart()],
  ['hangs', async () => redis.pause(), async () => redis.resume()],
])('while Redis %s', (_, begin, end) => {
  it('reads and writes go on, in time, readiness stays good, the log says it once, and it is used again', async () => {
    await isUsed(true);
    const before = await p99OfReads();
    const said = saidSo();
    await begin();
    const meanwhile = await p99OfReads();
    // The slack is for a machine that other tests share.
    expect(meanwhile).toBeLessThan(before + TIMEOUT_MS + 100);
    await writes();
    await isUsed(false);
    expect((await fetch(system.opsUrl('products', '/readyz'))).status).toBe(200);
    await end();
    await isUsed(true);
    expect(saidSo() - said).toBe(1);
    // What was kept before it was away is shown for so long.
    await sleep(TTL_S * 1_000);
    await writes();
  }, 90_000);
});

describe('while Redis answers errors', () => {
  it('reads and writes go on', async () => {
    await isUsed(true);
    const direct = createClient({ url: redis.url });
    direct.on('error', () => undefined);
    await direct.connect();
    await direct.configSet('maxmemory', '1');
    try {
      for (let count = 0; count < 3; count += 1) await writes();
      const { status } = await client.rest('POST', '/orders', {
        token: account.token,
        body: { product_id: productId, quantity: 1 },
        headers: { prefer: 'wait=10' },
      });
      expect(status).toBe(201);
    } finally {
      await direct.configSet('maxmemory', '0');
      direct.destroy();
    }
    await sleep(TTL_S * 1_000);
    await writes();
  }, 90_000);
});
