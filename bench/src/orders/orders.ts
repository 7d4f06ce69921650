// Measures the cost and the rate of orders, for many products and for one popular product, in turn with the naive design and with
// PostgreSQL alone.
import type { RunningSystem } from '@holdfast/test/src/support/running-system.ts';
import type { OrderFigures, OrderRow } from '../figures.ts';
import { spreadOf } from '../figures.ts';
import { placeOrders } from './callers.ts';
import { type CpuTimes, cpuEach } from './cpu.ts';
import { findPgbench, runPgbench } from './pgbench.ts';
import { type Shop, startShop } from './shop.ts';

/** A design, its number of callers, and whether they order one product or many. */
interface Contender {
  readonly name: string;
  readonly by: 'ours' | 'naive' | 'pgbench';
  readonly callers: number;
  readonly products: 'many' | 'one';
}

const contender = (by: Contender['by'], products: Contender['products'], callers: number): Contender => ({
  name: `${by}, ${products === 'one' ? 'one product' : 'many products'}, ${callers === 1 ? 'idle' : `${callers} callers`}`,
  by,
  callers,
  products,
});

export const CONTENDERS: readonly Contender[] = [
  contender('ours', 'many', 50),
  contender('ours', 'many', 200),
  contender('ours', 'one', 50),
  contender('ours', 'one', 200),
  contender('ours', 'many', 1),
  contender('naive', 'one', 50),
  contender('naive', 'one', 200),
  contender('pgbench', 'many', 50),
  contender('pgbench', 'one', 50),
];

const WARM_UP = { orders: 3_000, maxMs: 15_000 };
const MEASURE_MS = 4_000;

interface Measurement {
  readonly perSecond: number;
  readonly p50?: number;
  readonly p99?: number;
  readonly late?: number;
  readonly cpu?: CpuTimes;
}

export interface OrderOptions {
  readonly rounds: number;
  /** The most orders of one measurement. */
  readonly requests: number | undefined;
  readonly onProgress: (line: string) => void;
  readonly contenders?: readonly Contender[];
}

/** @throws when an order is lost, doubled or oversold, or PostgreSQL resolved a deadlock */
export async function measureOrders(
  system: RunningSystem,
  { rounds, requests, onProgress, contenders: wanted = CONTENDERS }: OrderOptions,
): Promise<OrderFigures> {
  const shop = await startShop(system);
  try {
    const measuring = createMeasuring(shop, await findPgbench(), requests);
    const contenders = wanted.filter(measuring.canMeasure);
    const measured = new Map<Contender, Measurement[]>(contenders.map((each) => [each, []]));
    await measuring.warmUp();
    for (let round = 0; round < rounds; round += 1) {
      const first = round % contenders.length;
      for (const each of [...contenders.slice(first), ...contenders.slice(0, first)])
        measured.get(each)?.push(await measuring.measure(each));
      onProgress(`orders: round ${round + 1} of ${rounds}`);
    }
    await shop.check(measuring.placed());
    return { rows: [...measured].map(rowOf) };
  } finally {
    await shop.stop();
  }
}

function createMeasuring(shop: Shop, pgbench: string | undefined, mostOrders: number | undefined) {
  let placed = 0;

  /** The call that places order `number`. */
  function callOf({ products }: Contender, number: number) {
    const id = shop.products[products === 'one' ? 0 : number % shop.products.length];
    const headers = {
      'content-type': 'application/json',
      authorization: `Bearer ${shop.token}`,
      'idempotency-key': crypto.randomUUID(),
    };
    return { path: '/orders', headers, body: JSON.stringify({ product_id: id, quantity: 1 }) };
  }

  async function place(each: Contender, limits: { orders: number; maxMs: number }): Promise<Measurement> {
    const { callers } = each;
    const by = each.by === 'naive' ? 'naive' : 'ours';
    const before = await shop.cpu(by);
    const { times, late, ms } = await placeOrders({
      url: shop.urls[by],
      callers,
      ...limits,
      call: (number) => callOf(each, number),
    });
    const cpu = cpuEach(before, await shop.cpu(by), times.length);
    placed += times.length;
    const at = (part: number) => times[Math.floor(times.length * part)] ?? Number.NaN;
    return { perSecond: (times.length / ms) * 1_000, p50: at(0.5), p99: at(0.99), late, cpu };
  }

  async function measurePgbench({ products, callers }: Contender): Promise<Measurement> {
    const [first = 0] = shop.products;
    const last = products === 'one' ? first : (shop.products.at(-1) ?? first);
    const { perSecond, orders } = await runPgbench({
      program: pgbench ?? '',
      databaseUrl: shop.databaseUrl,
      folder: shop.folder,
      clients: callers,
      orders: mostOrders,
      seconds: MEASURE_MS / 1_000,
      userId: shop.userId,
      products: [first, last],
    });
    placed += orders;
    return { perSecond };
  }

  return {
    canMeasure: ({ by }: Contender) => by !== 'pgbench' || pgbench !== undefined,
    measure: (each: Contender) =>
      each.by === 'pgbench'
        ? measurePgbench(each)
        : place(each, { orders: mostOrders ?? Number.POSITIVE_INFINITY, maxMs: MEASURE_MS }),
    warmUp: async () => {
      const orders = Math.min(mostOrders ?? WARM_UP.orders, WARM_UP.orders);
      for (const by of ['ours', 'naive'] as const)
        await place(contender(by, 'many', 50), { ...WARM_UP, orders });
    },
    placed: () => placed,
  };
}

function rowOf([{ name, by, callers, products }, measured]: [Contender, Measurement[]]): OrderRow {
  const spread = (value: (measurement: Measurement) => number | undefined) => {
    const values = measured.map(value).filter((each) => each !== undefined);
    return values.length === 0 ? undefined : spreadOf(values);
  };
  const processes = Object.keys(measured[0]?.cpu ?? {});
  return {
    name,
    by,
    callers,
    products,
    perSecond: spreadOf(measured.map(({ perSecond }) => perSecond)),
    p50: spread(({ p50 }) => p50),
    p99: spread(({ p99 }) => p99),
    late: measured.reduce((sum, { late = 0 }) => sum + late, 0),
    cpu: Object.fromEntries(
      processes.map((process) => [process, spreadOf(measured.map(({ cpu }) => cpu?.[process] ?? 0))]),
    ),
  };
}
