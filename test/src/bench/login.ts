// `npm run bench:login`: what a login costs, and what readers of the catalog feel while logins take all that they can.
// Everything shares this machine, load included.

import { cpus, loadavg } from 'node:os';
import { readCommandLineOrExit } from '@holdfast/local/command-line/command-line';
import { Pool } from 'undici';
import { Client } from '../support/client.ts';
import { readCpuMs } from '../support/process-usage.ts';
import { startSystem } from '../support/system.ts';

const SECONDS = 10;
const CALLERS = 16;
const SINGLE_LOGINS = 100;
const READS = 400;

const quantile = (values: readonly number[], share: number): string =>
  (
    [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ??
    Number.NaN
  ).toFixed(1);

const summary = (values: readonly number[]): string =>
  `p50 ${quantile(values, 0.5)} ms, p99 ${quantile(values, 0.99)} ms (${values.length} calls)`;

const [concurrency = '1'] = readCommandLineOrExit('bench:login').positionals;
const system = await startSystem({ ownPostgres: true, env: { ARGON2_CONCURRENCY: concurrency } });
const client = await Client.of(system.url);
const account = await client.account();
await client.product(account.token);
const pool = new Pool(system.url, { connections: CALLERS + 1 });
const body = JSON.stringify({ username: account.username, password: account.password });

async function timed(call: () => Promise<number>): Promise<number> {
  const startedAt = performance.now();
  const status = await call();
  if (status !== 200) throw new Error(`answered ${status}`);
  return performance.now() - startedAt;
}

async function login(): Promise<number> {
  const headers = { 'content-type': 'application/json' };
  const reply = await pool.request({ method: 'POST', path: '/login', headers, body });
  await reply.body.dump();
  return reply.statusCode;
}

async function read(): Promise<number> {
  const reply = await pool.request({ method: 'GET', path: '/products?limit=20' });
  await reply.body.dump();
  return reply.statusCode;
}

async function repeat(count: number, call: () => Promise<number>): Promise<number[]> {
  const times: number[] = [];
  for (let done = 0; done < count; done += 1) times.push(await timed(call));
  return times;
}

/** Logins by `CALLERS` at once until `isOver`; gives their times. */
async function saturate(isOver: () => boolean): Promise<number[]> {
  const times: number[] = [];
  await Promise.all(
    Array.from({ length: CALLERS }, async () => {
      while (!isOver()) times.push(await timed(login));
    }),
  );
  return times;
}

console.log(
  `${cpus().length} × ${cpus()[0]?.model}, Node ${process.version}, load ${loadavg()[0]?.toFixed(1)}, ` +
    `ARGON2_CONCURRENCY=${concurrency}`,
);
await repeat(20, login);
console.log(`one login at a time:          ${summary(await repeat(SINGLE_LOGINS, login))}`);
const until = performance.now() + SECONDS * 1_000;
const usedBefore = await readCpuMs(system.pid('users'));
const many = await saturate(() => performance.now() > until);
console.log(
  `${CALLERS} callers that log in:      ${(many.length / SECONDS).toFixed(1)} logins a second, ${summary(many)}`,
);
const cost = ((await readCpuMs(system.pid('users'))) - usedBefore) / many.length;
console.log(
  `CPU time of users per login:  ${cost.toFixed(1)} ms, so ${(1_000 / cost).toFixed(0)} logins a second and core`,
);
await repeat(50, read);
console.log(`GET /products alone:  ${summary(await repeat(READS, read))}`);
let isOver = false;
const logins = saturate(() => isOver);
console.log(`GET /products, beside logins: ${summary(await repeat(READS, read))}`);
isOver = true;
await logins;
await pool.close();
await system.stop();
