// `npm run seed -- --products N --orders N --users N`: adds a shop of any size to the database of the running `npm start`, unless
// DATABASE_URL says another.
import { databaseStatus } from '@holdfast/database/status';
import pg from 'pg';
import { commandLine } from './command-line.js';
import { administratorUrl } from './local-stack.ts';
import { duration, showProgress } from './progress.js';
import { usernameOf } from './seeding/people.ts';
import { planShop, type ShopPlan } from './seeding/plan.ts';
import { missingBatches, SEEDED_PASSWORD, writeBatches } from './seeding/seed-shop.ts';
import { readDataDir } from './settings.ts';
import { runCommand } from './users-program.ts';

const { values } = commandLine('seed');
const { products = 10_000, orders = 20_000, users = 1_000, seed = 1 } = values;

await runCommand('seed', async () => {
  const today = new Date(new Date().setUTCHours(0, 0, 0, 0));
  const plan = planShop({ products, orders, users }, seed, today);
  const url = process.env['DATABASE_URL'] || (await administratorUrl(readDataDir(process.env)));
  const status = await databaseStatus(url);
  if (!status.ready) throw new Error(`${status.reason}; run npm start or npm run db:migrate first`);
  const client = new pg.Client({ connectionString: url, application_name: 'seed' });
  // A connection that breaks fails the statement under way, too.
  client.on('error', () => undefined);
  await client.connect();
  try {
    await addShop(client, plan);
  } finally {
    await client.end();
  }
  return 0;
});

async function addShop(client: pg.Client, plan: ShopPlan): Promise<void> {
  const missing = await missingBatches(client, plan);
  if (missing.length === 0)
    return console.log('this shop is there already, whole; another --seed adds another one');
  const there = plan.batches - missing.length;
  if (there > 0) console.log(`  ${there} of ${plan.batches} batches are there already`);
  const startedAt = performance.now();
  const rows = await addBatches(client, plan, missing);
  const ms = performance.now() - startedAt;
  console.log(
    `added ${rows} rows in ${duration(ms)} (${Math.round((1000 * rows) / ms)} a second)\n` +
      `log in as ${usernameOf(plan, 0)} or another of its accounts, each with the password ${SEEDED_PASSWORD}`,
  );
}

/** Returns how many rows of all tables were written. */
async function addBatches(client: pg.Client, plan: ShopPlan, batches: readonly number[]): Promise<number> {
  const progress = showProgress('seeding', batches.length, 'batches');
  let rows = 0;
  let done = 0;
  try {
    await writeBatches(client, plan, batches, (added) => {
      rows += added;
      done += 1;
      progress.reach(done);
    });
  } finally {
    progress.end();
  }
  return rows;
}
