// Measures whether the memory of our gateway stays bounded with many different operations: each of its caches has a limit in bytes.
import { readResidentBytes } from '@holdfast/test/src/support/process-usage.ts';
import { COMPILE_CACHE } from './child.ts';
import type { MemoryFigures, MemoryRow } from './figures.ts';
import type { OurGateway } from './our-gateway.ts';
import { makeDifferentTexts } from './requests.ts';
import type { BenchSystem } from './system.ts';

const DEFAULT_TEXTS = 10_000;
const DEFAULT_REQUESTS = 40_000;
/** How many rows there are after the first. */
const STEPS = 4;
const NO_TIME_LIMIT_MS = 24 * 3_600_000;

/** Measures a new process of our gateway. */
export async function measureMemory(
  system: BenchSystem,
  requests?: number,
  texts?: number,
): Promise<MemoryFigures> {
  const gateway = await system.anotherOfOurs(COMPILE_CACHE);
  try {
    return await measureMemoryOf(gateway, system, requests, texts);
  } finally {
    await gateway.stop();
  }
}

type MeasuredGateway = Pick<OurGateway, 'url' | 'opsUrl'> & { readonly pid: number | undefined };

/** @param texts the number of different operations, which are repeated; the first row is measured when each was sent once */
export async function measureMemoryOf(
  gateway: MeasuredGateway,
  { generator, token }: Pick<BenchSystem, 'generator' | 'token'>,
  requests = DEFAULT_REQUESTS,
  texts = Math.max(1, Math.min(DEFAULT_TEXTS, Math.floor(requests / 4))),
): Promise<MemoryFigures> {
  const rows: MemoryRow[] = [];
  let sent = 0;
  const sendUpTo = async (count: number): Promise<void> => {
    await generator.fire(count - sent, NO_TIME_LIMIT_MS);
    sent = count;
    rows.push({ requests: sent, ...(await memoryOf(gateway)) });
  };
  generator.aim(gateway.url, makeDifferentTexts(texts), token);
  await sendUpTo(texts);
  const more = Math.max(0, requests - texts);
  for (let step = 1; step <= STEPS; step += 1) {
    const count = texts + Math.floor((more * step) / STEPS);
    if (count > sent) await sendUpTo(count);
  }
  return { texts, rows };
}

async function memoryOf({ pid, opsUrl }: MeasuredGateway): Promise<Omit<MemoryRow, 'requests'>> {
  const resident = await readResidentBytes(pid);
  const metrics = await (await fetch(`${opsUrl}/metrics`)).text();
  return {
    residentBytes: resident,
    heapBytes: readMetric(metrics, 'nodejs_heap_size_used_bytes'),
    planned: readMetric(metrics, 'graphql_query_plan_cache_total{result="miss"'),
  };
}

/** The value of the first metric whose line begins with `start`. */
function readMetric(metrics: string, start: string): number {
  const line = metrics.split('\n').find((each) => each.startsWith(start));
  if (line === undefined) throw new Error(`the metrics are expected to have ${start}`);
  return Number(line.slice(line.lastIndexOf(' ')));
}
