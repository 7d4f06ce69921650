// `npm run bench:replica`: what lists cost the primary when a standby reads them, beside the same lists without one. The cache is
// off in both, as it is of little use while sales change the catalog all the time. CPU time, because all share this machine.
import { cpus, loadavg } from 'node:os';
import { readCommandLineOrExit } from '@holdfast/local/command-line/command-line';
import pg from 'pg';
import { eventually } from '../support/client.ts';
import { readCpuMs } from '../support/process-usage.ts';
import { startStandby } from '../support/standby.ts';
import { askSubgraph } from '../support/subgraph.ts';
import { type AnotherInstance, startSystem } from '../support/system.ts';

const { values } = readCommandLineOrExit('bench:replica');
const { rounds = 5 } = values;
const LISTS = 1_000;
const CALLERS = 8;
const PRODUCTS = 2_000;
const LISTED = 'edges { node { id name description price stock version } }';
const QUESTIONS = {
  'the newest 20': `{ products { ${LISTED} } }`,
  'the cheapest 20': `{ products(sort: PRICE_ASC) { ${LISTED} } }`,
  'a word': `{ products(filter: { search: "common" }) { ${LISTED} } }`,
};

/** CPU milliseconds that the processes of a server have used, but for the one that is asked. */
async function serverCpu(admin: pg.Client): Promise<number> {
  const { rows } = await admin.query<{ pid: number }>(
    'SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()',
  );
  const each = await Promise.all(rows.map(({ pid }) => readCpuMs(pid).catch(() => 0)));
  return each.reduce((sum, ms) => sum + ms, 0);
}

const median = (all: readonly number[]): number =>
  all.toSorted((a, b) => a - b)[all.length >> 1] ?? Number.NaN;

async function connected(url: string): Promise<pg.Client> {
  const admin = new pg.Client(url);
  await admin.connect();
  return admin;
}

const system = await startSystem({ ownPostgres: true, env: { CACHE: 'off' } });
const standby = await startStandby(system.adminUrl);
const admins = {
  primary: await connected(system.adminUrl),
  standby: await connected(standby.urlOf(system.adminUrl)),
};
const DATABASE_REPLICA_URL = standby.urlOf(system.databaseUrls.products);
const instances = {
  without: await system.another('products'),
  with: await system.another('products', { DATABASE_REPLICA_URL }),
};

const list = ({ url }: AnotherInstance, query: string) =>
  askSubgraph(system, 'products', { url: `${url}/graphql`, query });

/** CPU milliseconds of a list: of the primary, of the standby, of the service. */
async function cost(instance: AnotherInstance, query: string): Promise<number[]> {
  const soFar = () =>
    Promise.all([serverCpu(admins.primary), serverCpu(admins.standby), readCpuMs(instance.pid())]);
  const before = await soFar();
  let asked = 0;
  const caller = async () => {
    for (; asked < LISTS; asked += 1) await list(instance, query);
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  return (await soFar()).map((ms, index) => (ms - (before[index] ?? 0)) / LISTS);
}

try {
  await admins.primary.query(
    `INSERT INTO products.products (name, description, price, stock)
     SELECT 'Model ' || n, 'A common thing, number ' || n, n, 10 FROM generate_series(1, $1::int) AS n`,
    [PRODUCTS],
  );
  await admins.primary.query('VACUUM ANALYZE products.products');
  const isRead = async () => {
    await list(instances.with, QUESTIONS['the newest 20']);
    return (await (await fetch(instances.with.opsUrl('/metrics'))).text()).includes(
      'list_reads_total{source="replica"} 0',
    );
  };
  await eventually(isRead, (isNot) => !isNot);
  console.log(
    `${cpus()[0]?.model}, ${cpus().length} cores, load ${loadavg()[0]?.toFixed(1)}, ${rounds} rounds of ${LISTS} lists`,
  );
  console.log('CPU milliseconds of a list\n');
  console.log(
    `${''.padEnd(26)}${['primary', 'standby', 'products'].map((name) => name.padStart(10)).join('')}`,
  );
  for (const [name, query] of Object.entries(QUESTIONS)) {
    const runs: Record<keyof typeof instances, number[][]> = { without: [], with: [] };
    for (let round = 0; round < rounds; round += 1)
      for (const kind of ['without', 'with'] as const) runs[kind].push(await cost(instances[kind], query));
    for (const kind of ['without', 'with'] as const) {
      const cells = [0, 1, 2].map((index) =>
        median(runs[kind].map((run) => run[index] ?? Number.NaN)).toFixed(3),
      );
      console.log(`${name}, ${kind}`.padEnd(26) + cells.map((cell) => cell.padStart(10)).join(''));
    }
  }
} finally {
  await Promise.all(Object.values(instances).map((instance) => instance.stop()));
  await Promise.all(Object.values(admins).map((admin) => admin.end()));
  await standby.stop();
  await system.stop();
}
