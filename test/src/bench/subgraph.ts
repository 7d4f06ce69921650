// `npm run bench:subgraph -- --base PATH`: what a call costs the products service in CPU, beside the same service of another
// checkout (set up, at PATH). Both run on one PostgreSQL and are called as the gateway calls them, in rounds that take turns.
import { cpus } from 'node:os';
import { join } from 'node:path';
import { readCommandLineOrExit } from '@holdfast/local/command-line/command-line';
import { Pool } from 'undici';
import { Client } from '../support/client.ts';
import { readCpuMs } from '../support/process-usage.ts';
import { startSystem } from '../support/system.ts';

const { values: options } = readCommandLineOrExit('bench:subgraph');
const { rounds = 5 } = options;
const CALLERS = 16;
const PRODUCTS = 200;
const FIELDS = 'id name description price stock version createdAt updatedAt';
const ENTITY_FIELDS = 'name price stock';

interface Case {
  readonly name: string;
  readonly calls: number;
  readonly body: (count: number, ids: readonly string[]) => unknown;
}

const ALL: readonly Case[] = [
  {
    name: 'look-up',
    calls: 3_000,
    body: (count, ids) => ({
      query: `query GetProduct__products__0($id:ID!){product(id:$id){${FIELDS}}}`,
      variables: { id: ids[count % ids.length] },
      operationName: 'GetProduct__products__0',
    }),
  },
  {
    name: 'page of 20',
    calls: 1_000,
    body: () => ({
      query: `query ListProducts__products__0($first:Int){products(first:$first){edges{node{${FIELDS}}cursor}pageInfo{hasNextPage endCursor}}}`,
      variables: { first: 20 },
      operationName: 'ListProducts__products__0',
    }),
  },
  {
    name: '_entities of 100',
    calls: 500,
    body: (_, ids) => ({
      query: `query MyOrders__products__1($representations:[_Any!]!){_entities(representations:$representations){...on Product{${ENTITY_FIELDS}}}}`,
      variables: {
        representations: ids.slice(0, 100).map((id) => ({ __typename: 'Product', id })),
      },
      operationName: 'MyOrders__products__1',
    }),
  },
];
const { only = '' } = options;
const CASES = ALL.filter(({ name }) => name.includes(only));

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

async function run(
  pool: Pool,
  { calls, body }: Case,
  ids: readonly string[],
  headers: Record<string, string>,
) {
  let started = 0;
  let last = '';
  const caller = async () => {
    while (started < calls) {
      started += 1;
      const reply = await pool.request({
        method: 'POST',
        path: '/graphql',
        headers: {
          'content-type': 'application/json',
          accept: 'application/json',
          'x-request-timeout-ms': '9000',
          'x-request-id': crypto.randomUUID(),
          ...headers,
        },
        body: JSON.stringify(body(started, ids)),
      });
      last = await reply.body.text();
      if (reply.statusCode !== 200 || last.includes('"errors":'))
        throw new Error(`${reply.statusCode}: ${last.slice(0, 300)}`);
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  return last;
}

const system = await startSystem({ ownPostgres: true });
try {
  const client = await Client.of(system.url);
  const { token } = await client.account();
  const ids: string[] = [];
  for (let count = 0; count < PRODUCTS; count += 1)
    ids.push((await client.product(token, { stock: 1_000_000 })).id);
  const profiled = options.profile && { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${options.profile}` };
  const own = await system.another('products', { ...profiled });
  const base =
    options.base === undefined
      ? own
      : await system.another('products', {}, { entry: join(options.base, 'subgraphs/products/src/main.ts') });
  const sides = [...new Set([base, own])].map((instance) => ({
    instance,
    pool: new Pool(instance.url, { connections: CALLERS }),
  }));
  const headers = async () => ({
    ...(await system.serviceHeaders('products')),
    authorization: `Bearer ${token}`,
  });
  const costs = new Map(CASES.map(({ name }) => [name, sides.map((): number[] => [])]));
  for (let round = -1; round < rounds; round += 1) {
    for (const each of CASES) {
      const replies: string[] = [];
      for (const index of round % 2 === 0 ? sides.keys() : [...sides.keys()].reverse()) {
        const side = sides[index];
        if (!side) continue;
        const pid = side.instance.pid();
        const before = await readCpuMs(pid);
        replies.push(await run(side.pool, each, ids, await headers()));
        if (round >= 0) costs.get(each.name)?.[index]?.push(((await readCpuMs(pid)) - before) / each.calls);
      }
      if (each.name !== 'look-up' && new Set(replies).size > 1)
        throw new Error(`they differ: ${replies.join('\n')}`);
    }
  }
  console.log(`${cpus()[0]?.model}, ${cpus().length} cores, Node ${process.version}, ${rounds} rounds`);
  console.log('CPU milliseconds a call, medians: base, this, ratio (medians of the rounds’ ratios)');
  for (const [name, [first = [], second = first]] of costs) {
    const ratio = median(second.map((ms, index) => ms / (first[index] ?? Number.NaN)));
    console.log(
      `${name.padEnd(20)}${median(first).toFixed(3).padStart(8)}${median(second).toFixed(3).padStart(8)}${ratio.toFixed(2).padStart(8)}`,
    );
  }
  for (const { pool, instance } of sides) {
    await pool.close();
    await instance.stop();
  }
} finally {
  await system.stop();
}
