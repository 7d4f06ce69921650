// `npm run bench:capacity`: what a request costs in CPU, process by process, and so what a core of each can carry. CPU
// time and not speed, because load and system share this machine. Then how long orders cannot be placed when PostgreSQL
// is killed under load and started again.
import { cpus } from 'node:os';
import pg from 'pg';
import { Pool } from 'undici';
import { Client, eventually } from '../support/client.ts';
import { readCpuMs } from '../support/process-usage.ts';
import { type System, startSystem } from '../support/system.ts';

const SERVICES = ['gateway', 'users', 'products', 'orders'] as const;
const CALLERS = 16;
const PRODUCTS = 200;
const JSON_TYPE = { 'content-type': 'application/json' };

interface Workload {
  readonly name: string;
  readonly requests: number;
  readonly request: (count: number) => {
    readonly method: 'GET' | 'POST';
    readonly path: string;
    readonly body?: string;
    readonly headers?: Readonly<Record<string, string>>;
  };
  readonly status: number;
}

/** CPU milliseconds so far, of each service, and of all processes of PostgreSQL that serve or write. */
async function cpuSoFar(system: System): Promise<number[]> {
  const database = new pg.Client(system.adminUrl);
  await database.connect();
  const { rows: backends } = await database.query<{ pid: number }>(
    'SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()',
  );
  await database.end();
  const postgres = await Promise.all(backends.map(({ pid }) => readCpuMs(pid).catch(() => 0)));
  return [
    ...(await Promise.all(SERVICES.map((service) => readCpuMs(system.pid(service))))),
    postgres.reduce((sum, ms) => sum + ms, 0),
  ];
}

async function run(pool: Pool, workload: Workload, token: string): Promise<number[]> {
  const times: number[] = [];
  let started = 0;
  const caller = async () => {
    while (started < workload.requests) {
      started += 1;
      const { method, path, body, headers } = workload.request(started);
      const startedAt = performance.now();
      const reply = await pool.request({
        method,
        path,
        headers: { ...JSON_TYPE, authorization: `Bearer ${token}`, ...headers },
        ...(body !== undefined && { body }),
      });
      const text = await reply.body.text();
      if (reply.statusCode !== workload.status)
        throw new Error(`${workload.name} answered ${reply.statusCode}: ${text.slice(0, 200)}`);
      times.push(performance.now() - startedAt);
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  return times.sort((a, b) => a - b);
}

const at = (sorted: readonly number[], quantile: number): string =>
  (sorted[Math.floor(sorted.length * quantile)] ?? Number.NaN).toFixed(1);

const row = (cells: readonly string[]): string =>
  cells.map((cell, index) => (index === 0 ? cell.padEnd(26) : cell.padStart(12))).join('');

async function measure(system: System, pool: Pool, workload: Workload, token: string): Promise<void> {
  // Warms up caches, plans and connections.
  await run(pool, { ...workload, requests: Math.ceil(workload.requests / 5) }, token);
  const before = await cpuSoFar(system);
  const startedAt = performance.now();
  const times = await run(pool, workload, token);
  const seconds = (performance.now() - startedAt) / 1_000;
  const after = await cpuSoFar(system);
  const each = after.map((ms, index) => (ms - (before[index] ?? 0)) / workload.requests);
  const speed = [(workload.requests / seconds).toFixed(0), at(times, 0.5), at(times, 0.99)];
  console.log(row([workload.name, ...each.map((ms) => ms.toFixed(2)), ...speed]));
}

const system = await startSystem({ ownPostgres: true });
const pool = new Pool(system.url, { connections: CALLERS });
try {
  const client = await Client.of(system.url);
  const { token, username, password } = await client.account();
  const ids: string[] = [];
  for (let count = 0; count < PRODUCTS; count += 1)
    ids.push((await client.product(token, { stock: 1_000_000 })).id);
  const id = (count: number): string => ids[count % ids.length] ?? '';
  const mine =
    '{ me { username orders(first: 20) { edges { node { status totalPrice product { name stock } } } } } }';
  const graphql = JSON.stringify({ query: mine });
  const workloads: Workload[] = [
    {
      name: 'POST /orders',
      requests: 1_500,
      request: (count) => ({
        method: 'POST',
        path: '/orders',
        body: JSON.stringify({ product_id: id(count), quantity: 1 }),
        headers: { 'idempotency-key': crypto.randomUUID() },
      }),
      status: 201,
    },
    {
      name: 'GET /products/{id}',
      requests: 6_000,
      request: (count) => ({ method: 'GET', path: `/products/${id(count)}` }),
      status: 200,
    },
    {
      name: 'GET /products?limit=20',
      requests: 2_000,
      request: () => ({ method: 'GET', path: '/products?limit=20' }),
      status: 200,
    },
    {
      name: 'GraphQL, three services',
      requests: 1_000,
      request: () => ({ method: 'POST', path: '/graphql', body: graphql }),
      status: 200,
    },
    {
      name: 'POST /login',
      requests: 200,
      request: () => ({ method: 'POST', path: '/login', body: JSON.stringify({ username, password }) }),
      status: 200,
    },
  ];
  console.log(`${cpus()[0]?.model}, ${cpus().length} cores, Node ${process.version}, ${CALLERS} callers\n`);
  console.log(
    'CPU milliseconds a request, by process; requests a second and milliseconds, all on this machine',
  );
  console.log(row(['', ...SERVICES, 'PostgreSQL', 'per second', 'p50', 'p99']));
  for (const workload of workloads) await measure(system, pool, workload, token);

  const place = () =>
    client
      .rest('POST', '/orders', { token, body: { product_id: id(0), quantity: 1 } })
      .then(({ status }) => status);
  const load = Promise.all(Array.from({ length: 500 }, () => place()));
  await system.killPostgres();
  const killedAt = performance.now();
  await system.restartPostgres();
  await eventually(place, (status) => status === 201, 60_000);
  console.log(
    `\nPostgreSQL killed under load: an order was confirmed ${((performance.now() - killedAt) / 1_000).toFixed(1)} s after that`,
  );
  await load;
} finally {
  await pool.close();
  await system.stop();
}
