// The benchmark works at any speed of the machine: the gateways start and answer the same, and the figures are complete. The variants of
// our gateway, the other federation servers and the case `ready`, which only start more programs, are left to `npm run bench`.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from '@holdfast/local/root';
import { useShop } from '@holdfast/test/src/support/shop.ts';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { checkSame } from './answers.ts';
import { CASE_NAMES } from './cases.ts';
import { spreadOf } from './figures.ts';
import { startGenerator } from './load/generator.ts';
import { describeMachine } from './machine.ts';
import { measureMemoryOf } from './memory.ts';
import { readOptions } from './options.ts';
import { CONTENDERS, measureOrders } from './orders/orders.ts';
import { formatReport } from './report.ts';
import { lookups, makeDifferentTexts, pages, restPages, restProducts, threes } from './requests.ts';
import { GATEWAYS } from './system.ts';

/** Only a run that hangs takes so long. */
const RUN_MS = 600_000;
const COMPARED = ['naive', 'ours'];
const CASES = ['lookup', 'page', 'three', 'rest'];

const spread = z.strictObject({ median: z.number(), min: z.number(), max: z.number() });
const comparison = z.object({
  name: z.string(),
  title: z.string(),
  rows: z.array(
    z.strictObject({
      name: z.string(),
      gateway: z.string(),
      cpuMs: spread,
      ratio: spread,
      perSecond: spread.refine(({ min }) => min > 0),
    }),
  ),
});
const figuresOfGateways = z.strictObject({
  machine: z.strictObject({
    node: z.literal(process.versions.node),
    processor: z.string(),
    processors: z.number(),
    commit: z.string(),
    date: z.iso.date(),
    load: z.number(),
  }),
  rounds: z.literal(1),
  gateways: z.array(comparison),
  rest: z.array(comparison),
});

describe('npm run bench', () => {
  let folder: string;
  let printed: string;
  let figures: z.infer<typeof figuresOfGateways>;
  let chart: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-bench-test-'));
    const file = (name: string) => join(folder, name);
    const args = ['--rounds', '1', '--requests', '64', '--json', file('json'), '--svg', file('svg')];
    args.push('--case', CASES.join(), '--gateway', COMPARED.join());
    const { stdout } = await promisify(execFile)(process.execPath, ['bench/src/main.ts', ...args], {
      cwd: ROOT,
    });
    printed = stdout;
    figures = figuresOfGateways.parse(JSON.parse(await readFile(file('json'), 'utf8')));
    chart = await readFile(file('svg'), 'utf8');
  }, RUN_MS);

  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('measures the gateways in each case that they can answer, the naive one first', () => {
    const measured = figures.gateways.map(({ name, rows }) => [name, rows.map(({ gateway }) => gateway)]);
    expect(measured).toEqual([
      ['lookup', COMPARED],
      ['page', COMPARED],
      ['three', COMPARED],
    ]);
    for (const { rows } of figures.gateways)
      expect(rows[0]).toMatchObject({ gateway: 'naive', ratio: { median: 1, min: 1, max: 1 } });
  });

  it('measures REST beside the GraphQL operation of the same fields', () => {
    expect(figures.rest.map(({ title, rows }) => [title, rows.map(({ name }) => name)])).toEqual([
      ['GET /products/{id}', ['GraphQL', 'REST']],
      ['GET /products', ['GraphQL', 'REST']],
    ]);
  });

  it('prints one table of the gateways and draws it', () => {
    expect(printed).toContain(`Node ${process.versions.node}, commit ${figures.machine.commit}`);
    const [head = '', , ...rows] = printed.split('\n').filter((line) => line.startsWith('|'));
    expect(head).toMatch(
      /^\| gateway \| look-up, ms \| ratio \| page of 20, ms \| ratio \| three subgraphs, ms \|/,
    );
    for (const [index, { name }] of (figures.gateways[0]?.rows ?? []).entries())
      expect([rows[index], chart]).toEqual([expect.stringContaining(name), expect.stringContaining(name)]);
  });
});

// On the shared system, which has the same programs as the system that the benchmark starts for these cases.
describe('on a running system', () => {
  const { system, account } = useShop();

  it('measures orders of many products and of one, beside the naive design, by the CPU of every process', async () => {
    const contenders = CONTENDERS.map((each) => ({ ...each, callers: Math.min(each.callers, 2) }));
    const options = { rounds: 1, requests: 4, onProgress: () => {}, contenders };
    const { rows } = await measureOrders(system, options);
    const measured = rows.map(({ by, products }) => `${by} ${products}`);
    expect(new Set(measured.filter((name) => !name.startsWith('pgbench')))).toEqual(
      new Set(['ours many', 'ours one', 'naive one']),
    );
    const processes = ['gateway', 'users', 'products', 'orders', 'PostgreSQL'];
    for (const { by, cpu, perSecond } of rows) {
      expect(perSecond.min).toBeGreaterThan(0);
      expect(Object.keys(cpu)).toEqual(by === 'pgbench' ? [] : processes);
    }
    const machine = await describeMachine();
    expect(formatReport({ machine, rounds: 1, gateways: [], rest: [], orders: { rows } })).toMatch(
      /One product: [\d.]+ times the orders of many products, [\d.]+ times the naive design's\./,
    );
  });

  it('measures memory after each text was sent once, and in four steps up to the last request', async () => {
    const generator = startGenerator();
    const gateway = { url: system.url, opsUrl: system.opsUrls.gateway, pid: system.pid('gateway') };
    try {
      const { rows } = await measureMemoryOf(gateway, { generator, token: account.token }, 32);
      expect(rows.map(({ requests }) => requests)).toEqual([8, 14, 20, 26, 32]);
      // Other suites send requests too.
      for (const { residentBytes, heapBytes, planned } of rows) {
        expect(Math.min(residentBytes, heapBytes)).toBeGreaterThan(0);
        expect(planned).toBeGreaterThanOrEqual(8);
      }
    } finally {
      await generator.stop();
    }
  });
});

describe('the requests of a case', () => {
  it.each(Object.entries({ lookups, pages, threes, restProducts, restPages }))(
    'are hundreds of different ones: %s',
    (_, requests) => {
      expect(requests.length).toBeGreaterThanOrEqual(300);
      expect(new Set(requests.map(({ path, body }) => path + body)).size).toBeGreaterThan(295);
    },
  );

  it('have another text each where memory is measured', () => {
    const texts = makeDifferentTexts(1_000).map(({ body = '' }) =>
      z.object({ query: z.string() }).parse(JSON.parse(body)),
    );
    expect(new Set(texts.map(({ query }) => query)).size).toBe(1_000);
  });
});

describe('answers', () => {
  it('end the benchmark when they differ from those of the first contender', () => {
    expect(() => checkSame('naive', [{ product: 1 }], 'other', [{ product: 2 }])).toThrow(
      'other answers {"product":2}, naive {"product":1}',
    );
    expect(() => checkSame('naive', [{ product: 1 }], 'other', [{ product: 1 }])).not.toThrow();
  });
});

describe('the options', () => {
  it('are all cases and gateways unless some are named', () => {
    expect(readOptions({})).toMatchObject({ cases: CASE_NAMES, gateways: GATEWAYS, rounds: 11 });
    expect(readOptions({ case: 'rest,lookup', rounds: 7 })).toMatchObject({
      cases: ['lookup', 'rest'],
      rounds: 7,
    });
  });

  it('are refused when they name an unknown case', () => {
    expect(() => readOptions({ case: 'speed' })).toThrow(/^--case: expected lookup, .*, got speed$/);
  });
});

describe('a spread', () => {
  it('is the median, the least and the most', () => {
    expect(spreadOf([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3 });
    expect(spreadOf([4, 1, 2, 3])).toEqual({ median: 2.5, min: 1, max: 4 });
  });
});
