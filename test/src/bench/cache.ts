// `npm run bench:cache`: what the product cache saves, off, in the process and in Redis, side by side in one run.
// Everything shares this machine, load included: compare the columns, not the absolute figures with those of others.
import { cpus } from 'node:os';
import { Pool } from 'undici';
import { Client } from '../support/client.ts';
import { startRedis } from '../support/redis.ts';
import { type System, startSystem } from '../support/system.ts';

const ROUNDS = 3;
const SECONDS = 3;
const CALLERS = 16;
const LATENCY_CALLS = 200;
const PRODUCTS = 40;

interface Contender {
  readonly name: string;
  readonly system: System;
  readonly pool: Pool;
  readonly paths: { readonly product: string; readonly page: string };
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

async function contender(name: string, env: Record<string, string>): Promise<Contender> {
  const system = await startSystem({ ownPostgres: true, env });
  const client = await Client.of(system.url);
  const { token } = await client.account();
  let id = '';
  for (let count = 0; count < PRODUCTS; count += 1)
    id = (await client.product(token, { name: `Thing ${count}` })).id;
  const pool = new Pool(system.url, { connections: CALLERS });
  return { name, system, pool, paths: { product: `/products/${id}`, page: '/products?limit=20' } };
}

async function get(pool: Pool, path: string): Promise<void> {
  const { statusCode, body } = await pool.request({ method: 'GET', path });
  await body.dump();
  if (statusCode !== 200) throw new Error(`${path} answered ${statusCode}`);
}

async function statements(system: System): Promise<number> {
  const text = await (await fetch(system.opsUrl('products', '/metrics'))).text();
  return Number(/^sql_statements_total (\d+)$/m.exec(text)?.[1]);
}

/** Statements and milliseconds of one call. */
async function once({ pool, system }: Contender, path: string): Promise<string> {
  const before = await statements(system);
  const startedAt = performance.now();
  await get(pool, path);
  const ms = performance.now() - startedAt;
  return `${(await statements(system)) - before} / ${ms.toFixed(1)}`;
}

async function medianMs({ pool }: Contender, path: string): Promise<number> {
  const times: number[] = [];
  for (let count = 0; count < LATENCY_CALLS; count += 1) {
    const startedAt = performance.now();
    await get(pool, path);
    times.push(performance.now() - startedAt);
  }
  return median(times);
}

async function perSecond({ pool }: Contender, path: string): Promise<number> {
  const until = performance.now() + SECONDS * 1_000;
  let calls = 0;
  await Promise.all(
    Array.from({ length: CALLERS }, async () => {
      for (; performance.now() < until; calls += 1) await get(pool, path);
    }),
  );
  return calls / SECONDS;
}

async function measure(contenders: readonly Contender[], kind: 'product' | 'page'): Promise<void> {
  console.log(`\n${kind === 'product' ? 'GET /products/{id}' : 'GET /products?limit=20'}`);
  console.log('cache       first call    second call   warm median   requests/s   against off');
  const first = new Map<Contender, string>();
  const second = new Map<Contender, string>();
  for (const each of contenders) {
    // The page and the product that were made last are known already; these are not.
    const path = kind === 'page' ? '/products?limit=20&sort=oldest' : each.paths.product;
    first.set(each, await once(each, path));
    second.set(each, await once(each, path));
  }
  const rates = new Map<Contender, number[]>(contenders.map((each) => [each, []]));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const each of contenders) rates.get(each)?.push(await perSecond(each, each.paths[kind]));
  }
  const [off] = contenders;
  const base = median((off && rates.get(off)) ?? []);
  for (const each of contenders) {
    const rate = median(rates.get(each) ?? []);
    console.log(
      [
        each.name.padEnd(12),
        `${first.get(each)} ms`.padEnd(14),
        `${second.get(each)} ms`.padEnd(14),
        `${(await medianMs(each, each.paths[kind])).toFixed(2)} ms`.padEnd(14),
        rate.toFixed(0).padEnd(13),
        `${(rate / base).toFixed(2)}`,
      ].join(''),
    );
  }
}

const redis = await startRedis();
const contenders = [
  await contender('off', { CACHE: 'off' }),
  await contender('process', { CACHE: 'on' }),
  await contender('redis', { CACHE: 'on', CACHE_REDIS_URL: redis.url }),
];
console.log(
  `${cpus().length} × ${cpus()[0]?.model}, Node ${process.version}; calls go through the gateway; SQL statements / ms`,
);
for (const kind of ['product', 'page'] as const) await measure(contenders, kind);
for (const { pool, system } of contenders) {
  await pool.close();
  await system.stop();
}
await redis.stop();
