// `npm run seed -- --products N --orders N --users N`: adds a shop of any size to the database of DATABASE_URL, or else of the
// running `npm start`.
import { databaseStatus } from '@holdfast/database/status';
import pg from 'pg';
import { readCommandLineOrExit } from '../command-line/command-line.js';
import { formatDuration, showProgress } from '../command-line/progress.js';
import { usernameOf } from '../seed/people.ts';
import { planShop, type ShopPlan } from '../seed/plan.ts';
import { findMissingBatches, SEEDED_PASSWORD, vacuumShop, writeBatches } from '../seed/seed-shop.ts';
import { readDataDir } from '../settings/settings.ts';
import { findAdministratorUrl } from '../stack/local-stack.ts';
import { runCommand } from './users-program.ts';

const { values } = readCommandLineOrExit('seed');
const { products = 10_000, orders = 20_000, users = 1_000, seed = 1, yes = false } = values;

await runCommand('seed', async () => {
  const today = new Date(new Date().setUTCHours(0, 0, 0, 0));
  const plan = planShop({ products, orders, users }, seed, today);
  const url = process.env['DATABASE_URL'] || (await findAdministratorUrl(readDataDir(process.env)));
  const client = new pg.Client({ connectionString: url, application_name: 'seed' });
  console.log(`  the database ${client.database} at ${client.host}:${client.port}`);
  if (!yes) refuseOtherMachine(client.host);
  const status = await databaseStatus(url);
  if (!status.ready) throw new Error(`${status.reason}; run npm start or npm run db:migrate first`);
  // A broken connection also rejects the statement that is running.
  client.on('error', () => undefined);
  await client.connect();
  try {
    await addShop(client, plan);
  } finally {
    await client.end();
  }
  return 0;
});

/** Throws when the database is on another machine: customers may use it, and the added rows cannot be distinguished from theirs. */
function refuseOtherMachine(host: string): void {
  // A host that is a path is the folder of a socket.
  if (/^(localhost|127\..*|\[?::1\]?|\/.*)$/.test(host)) return;
  throw new Error(
    `${host} is not this machine, and the seed would add accounts with a published password and orders that were never placed; ` +
      'add --yes to allow it',
  );
}

async function addShop(client: pg.Client, plan: ShopPlan): Promise<void> {
  const missing = await findMissingBatches(client, plan);
  const there = plan.batches - missing.length;
  if (missing.length > 0 && there > 0) console.log(`  ${there} of ${plan.batches} batches exist already`);
  const startedAt = performance.now();
  const rows = missing.length > 0 ? await addBatches(client, plan, missing) : 0;
  // This runs also when no batch was missing, because an earlier seed may have been killed after its last batch.
  await vacuumShop(client);
  if (rows === 0) return console.log('this shop exists already; another --seed adds another shop');
  const ms = performance.now() - startedAt;
  console.log(
    `added ${rows} rows in ${formatDuration(ms)} (${Math.round((1000 * rows) / ms)} a second)\n` +
      `log in as ${usernameOf(plan, 0)} or another of its accounts, each with the password ${SEEDED_PASSWORD}`,
  );
}

/** Returns the number of rows that were written to all tables. */
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
