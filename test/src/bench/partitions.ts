// `npm run bench:partitions`: what orders cost PostgreSQL while they stand in one table, and in 2, 12 and 60 partitions. CPU time
// of the connection that works, in alternation, so that other programs of this machine count little.
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { databaseUrl, serviceUrl } from '@holdfast/database';
import { migrate } from '@holdfast/database/migrate';
import { readCommandLineOrExit } from '@holdfast/local/command-line/command-line';
import { removePostgres, startPostgres } from '@holdfast/local/postgres/server';
import { createOrderStore } from '@holdfast/orders/data/orders';
import pg from 'pg';
import { administer } from '../setup/server.ts';
import { LARGE_USER, loadShop } from '../size/load.ts';
import { createQuestions, type Question } from '../size/questions.ts';
import { readMainThreadCpuMs } from '../support/process-usage.ts';

const { values } = readCommandLineOrExit('bench:partitions');
const { orders = 400_000, rounds = 15 } = values;
const PARTITIONS = [1, 2, 12, 60];
const PRODUCTS = 2_000;
const PLACED_AT_ONCE = 50;
const PER_ROUND = 20;
/** Questions of test/src/size/questions.ts. */
const ASKED = [
  'order look-up',
  'history of 20 orders',
  'my orders',
  'my orders, deep',
  'my orders, SHIPPED',
  'all orders',
  'all orders, deep',
  'all orders, SHIPPED',
];

const password = (): string => randomBytes(18).toString('base64url');
const rolePasswords = { users: password(), products: password(), orders: password() };

async function asAdmin<Result>(url: string, work: (admin: pg.Client) => Promise<Result>): Promise<Result> {
  const admin = new pg.Client(url);
  await admin.connect();
  return work(admin).finally(() => admin.end());
}

const TABLES = ['orders', 'order_events', 'idempotency_keys'];

/** Partitions the tables by the statements of docs/scaling.md, empty, and puts their rows into `count` partitions of one size. */
async function partition(admin: pg.Client, count: number): Promise<void> {
  const text = await readFile(new URL('../../../docs/scaling.md', import.meta.url), 'utf8');
  const bound = (index: number): string =>
    index === 0 ? 'MINVALUE' : index === count ? 'MAXVALUE' : String(Math.ceil((index * orders) / count) + 1);
  for (const table of TABLES) await admin.query(`CREATE TABLE held_${table} AS TABLE orders.${table}`);
  await admin.query('TRUNCATE orders.orders CASCADE');
  await admin.query(/```sql[^\n]*\n(BEGIN;\n[\s\S]*?)```/.exec(text)?.[1] ?? '');
  for (const table of ['orders', 'order_events']) {
    for (const old of ['p1', 'p2'])
      await admin.query(`ALTER TABLE orders.${table} DETACH PARTITION orders.${table}_${old};
                         DROP TABLE orders.${table}_${old}`);
    for (let index = 0; index < count; index += 1)
      await admin.query(`CREATE TABLE orders.${table}_${index} PARTITION OF orders.${table}
                           FOR VALUES FROM (${bound(index)}) TO (${bound(index + 1)})`);
  }
  // The rows refer to rows that are there: foreign keys, which are triggers, need not look for each.
  await admin.query('SET session_replication_role = replica');
  for (const table of TABLES) {
    await admin.query(`INSERT INTO orders.${table} TABLE held_${table}`);
    await admin.query(`DROP TABLE held_${table}`);
  }
}

interface Contender {
  readonly pool: pg.Pool;
  readonly questions: readonly Question[];
  /** CPU milliseconds that the one connection of the pool has used. */
  cpu(): Promise<number>;
}

/** Orders as the service has them, over one connection. */
async function open(server: string, template: string, count: number): Promise<Contender> {
  const name = `shop_in_${count}`;
  await administer(server, `CREATE DATABASE ${name} TEMPLATE ${template}`);
  const url = databaseUrl(server, name);
  const questions = await asAdmin(url, async (admin) => {
    if (count > 1) await partition(admin, count);
    await admin.query('VACUUM ANALYZE');
    const { steady } = await createQuestions(admin);
    return ASKED.flatMap((asked) => steady.filter((question) => question.name === asked));
  });
  const pool = new pg.Pool({
    connectionString: serviceUrl(url, 'orders', rolePasswords.orders),
    max: 1,
    idleTimeoutMillis: 0,
  });
  // When something else has failed, the server is stopped under it.
  pool.on('error', () => undefined);
  const { rows } = await pool.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  return { pool, questions, cpu: () => readMainThreadCpuMs(rows[0]?.pid) };
}

/** The CPU of one of `times` runs. */
async function cost({ cpu }: Contender, times: number, work: () => Promise<unknown>): Promise<number> {
  const before = await cpu();
  for (let time = 0; time < times; time += 1) await work();
  return ((await cpu()) - before) / times;
}

const ask = ({ pool }: Contender, { statement: { name, text, parameters }, args }: Question) =>
  pool.query({ name, text, values: Object.keys(parameters).map((parameter) => args[parameter]) });

const place = ({ pool }: Contender) => {
  const table = createOrderStore(pool);
  const order = (index: number) => ({
    user: { id: LARGE_USER, role: 'CUSTOMER' } as const,
    productId: 1 + (index % PRODUCTS),
    quantity: 1,
    unitPrice: '10.00',
    idempotency: { key: crypto.randomUUID(), hash: Buffer.from('hash') },
  });
  return Promise.all(Array.from({ length: PLACED_AT_ONCE }, (_, index) => table.insert(order(index))));
};

const median = (all: readonly number[]): number =>
  all.toSorted((a, b) => a - b)[all.length >> 1] ?? Number.NaN;

/** By contender: first what it costs on a connection that has not done it before, then the median of the rounds. */
async function compare(
  name: string,
  contenders: readonly Contender[],
  work: (contender: Contender) => Promise<unknown>,
  per = 1,
): Promise<void> {
  const first: number[] = [];
  const runs: number[][] = contenders.map(() => []);
  for (const contender of contenders) first.push(await cost(contender, 1, () => work(contender)));
  for (let round = 0; round < rounds; round += 1)
    for (const [index, contender] of contenders.entries())
      runs[index]?.push(await cost(contender, PER_ROUND, () => work(contender)));
  const usual = runs.map((each) => median(each) / per);
  const cells = [...usual.map((ms) => ms.toFixed(3)), ...first.map((ms) => (ms / per).toFixed(2))];
  console.log(name.padEnd(26) + cells.map((cell) => cell.padStart(9)).join(''));
}

const dataDir = await mkdtemp(join(tmpdir(), 'holdfast-bench-partitions-'));
const server = await startPostgres({ dataDir, durable: false });
try {
  const template = 'shop';
  await administer(server.adminUrl, `CREATE DATABASE ${template} TEMPLATE template0`);
  const adminUrl = databaseUrl(server.adminUrl, template);
  await migrate({ adminUrl, rolePasswords, log: () => undefined });
  await asAdmin(adminUrl, (admin) =>
    loadShop(admin, { products: PRODUCTS, orders, users: 1_000, ofLargeUser: orders / 10 }),
  );
  const contenders: Contender[] = [];
  for (const count of PARTITIONS) contenders.push(await open(server.adminUrl, template, count));
  const load = loadavg()[0]?.toFixed(1);
  console.log(
    `${cpus()[0]?.model}, ${cpus().length} cores, load ${load}, ${orders} orders, ${rounds} rounds`,
  );
  console.log(
    'CPU milliseconds of PostgreSQL by number of partitions: the median, and the first time of a connection\n',
  );
  console.log(
    ''.padEnd(26) +
      [...PARTITIONS, ...PARTITIONS.map((count) => `${count} first`)]
        .map((cell) => String(cell).padStart(9))
        .join(''),
  );
  await compare('placing an order', contenders, place, PLACED_AT_ONCE);
  for (const [index, { name }] of (contenders[0]?.questions ?? []).entries())
    await compare(name, contenders, async (contender) => {
      const question = contender.questions[index];
      if (question) await ask(contender, question);
    });
  await Promise.all(contenders.map(({ pool }) => pool.end()));
} finally {
  await server.stop();
  await removePostgres(dataDir);
  await rm(dataDir, { recursive: true, force: true });
}
