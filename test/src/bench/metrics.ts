// `npm run bench:metrics`: what counting costs. The time of each observation in a loop, times how many of them a request
// makes, against the CPU that the processes themselves say they spend on a request, in one run on one machine.
import { observeRequest } from '@holdfast/platform/http/metrics';
import { Counter, DURATION_BUCKETS, Histogram, secondsSince } from '@holdfast/platform/observability/metrics';
import { Pool } from 'undici';
import { Client } from '../support/client.ts';
import { type Scrape, scrape, sumOf } from '../support/metrics.ts';
import { startSystem } from '../support/system.ts';

const ROUNDS = 5;
const CALLS_IN_LOOP = 300_000;
const REQUESTS = 4_000;
const CALLERS = 16;

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

/** Microseconds of CPU of one call of `observe`. */
function costOf(observe: () => void): number {
  const rounds = Array.from({ length: ROUNDS + 1 }, () => {
    const before = process.cpuUsage();
    for (let count = 0; count < CALLS_IN_LOOP; count += 1) observe();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / CALLS_IN_LOOP;
  });
  // The first one warms up.
  return median(rounds.slice(1));
}

const histogram = new Histogram({
  name: 'bench_seconds',
  help: 'As those with three labels.',
  labelNames: ['operation', 'type', 'outcome'],
  buckets: DURATION_BUCKETS,
  registers: [],
});
const counter = new Counter({
  name: 'bench_total',
  help: 'With a label.',
  labelNames: ['result'],
  registers: [],
});
const hit = counter.labels('hit');

const http = costOf(() =>
  observeRequest({ method: 'GET', trail: { route: '/products/{id}' } }, 200, performance.now()),
);
const timed = costOf(() =>
  histogram.observe(
    { operation: 'GetProduct', type: 'query', outcome: 'ok' },
    secondsSince(performance.now()),
  ),
);
const counted = costOf(() => hit.inc());
console.log(
  `one HTTP request ${http.toFixed(2)} µs, one timed thing ${timed.toFixed(2)} µs, one count ${counted.toFixed(2)} µs`,
);

/** How often each kind of thing was observed, a request. */
interface Observed {
  readonly requests: number;
  readonly timed: number;
  readonly counted: number;
  /** Microseconds of CPU. */
  readonly cpu: number;
}

const TIMED = /^(graphql|subgraph|database_pool|queue_job).*_seconds_count$/;
const COUNTED = /^(?!process_|nodejs_).*_total$/;

function observedBetween(before: Scrape, after: Scrape): Observed {
  const grown = (metric: string) => (sumOf(after, metric) - sumOf(before, metric)) / REQUESTS;
  const names = [...new Set([...after.keys()].map((series) => series.replace(/\{.*/, '')))];
  const times = (pattern: RegExp) =>
    names.filter((name) => pattern.test(name)).reduce((sum, name) => sum + grown(name), 0);
  return {
    requests: grown('http_request_duration_seconds_count'),
    timed: times(TIMED),
    counted: times(COUNTED),
    cpu: grown('process_cpu_seconds_total') * 1e6,
  };
}

function report(name: string, { requests, timed: timings, counted: counts, cpu }: Observed): void {
  const cost = requests * http + timings * timed + counts * counted;
  const share = `${((cost / cpu) * 100).toFixed(1)} %`;
  console.log(
    [name, `${cpu.toFixed(0)} µs`, `${cost.toFixed(1)} µs`, share].map((each) => each.padEnd(16)).join(''),
  );
}

async function load(pool: Pool, path: string): Promise<void> {
  let left = REQUESTS;
  const caller = async () => {
    for (; left > 0; ) {
      left -= 1;
      const { body } = await pool.request({ method: 'GET', path });
      await body.dump();
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
}

const system = await startSystem({ ownPostgres: true });
const pool = new Pool(system.url, { connections: CALLERS });
try {
  const client = await Client.of(system.url);
  const { token } = await client.account();
  const path = `/products/${(await client.product(token)).id}`;
  // What a request of this kind meets.
  const names = ['gateway', 'products'] as const;
  const scrapes = () => Promise.all(names.map((name) => scrape(system.opsUrl(name, '/metrics'))));
  await load(pool, path);
  const before = await scrapes();
  await load(pool, path);
  const after = await scrapes();
  console.log(`\nGET /products/{id}, ${REQUESTS} times by ${CALLERS} callers`);
  console.log(['process', 'CPU a request', 'counting', 'share'].map((each) => each.padEnd(16)).join(''));
  for (const [index, name] of names.entries())
    report(name, observedBetween(before[index] ?? new Map(), after[index] ?? new Map()));
} finally {
  await pool.close();
  await system.stop();
}
