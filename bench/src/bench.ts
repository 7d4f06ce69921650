// Runs the chosen cases, one after the other.
import { startSystem } from '@holdfast/test/src/support/system.ts';
import { gatewayComparisons, restComparisons } from './cases.ts';
import { compare } from './compare.ts';
import type { ComparisonFigures, Figures, OrderFigures } from './figures.ts';
import { describeMachine } from './machine.ts';
import { measureMemory } from './memory.ts';
import type { BenchOptions } from './options.ts';
import { measureOrders, type OrderOptions } from './orders/orders.ts';
import { measureReady } from './ready.ts';
import { startBenchSystem } from './system.ts';

export async function runBench(
  options: Pick<BenchOptions, 'cases' | 'gateways' | 'rounds' | 'requests' | 'texts' | 'profileFolder'>,
  onProgress: (line: string) => void,
): Promise<Figures> {
  const { cases, gateways, rounds, requests, texts, profileFolder } = options;
  const machine = await describeMachine();
  const system = await startBenchSystem(profileFolder);
  try {
    const compareAll = async (comparisons: ReturnType<typeof gatewayComparisons>) => {
      const figures: ComparisonFigures[] = [];
      for (const comparison of comparisons)
        figures.push(await compare(system, comparison, { rounds, requests, onProgress }));
      return figures;
    };
    return {
      machine,
      rounds,
      gateways: await compareAll(gatewayComparisons(cases, gateways)),
      rest: await compareAll(cases.includes('rest') ? restComparisons() : []),
      ...(cases.includes('memory') && { memory: await measureMemory(system, requests, texts) }),
      ...(cases.includes('ready') && { ready: await measureReady(system, rounds) }),
      ...(cases.includes('orders') && { orders: await measureOrdersAlone({ rounds, requests, onProgress }) }),
    };
  } finally {
    await system.stop();
  }
}

/** With a PostgreSQL of its own, whose fsync is on. */
async function measureOrdersAlone(options: OrderOptions): Promise<OrderFigures> {
  const system = await startSystem({ ownPostgres: true });
  try {
    return await measureOrders(system, options);
  } finally {
    await system.stop();
  }
}
