// Whether the memory of our gateway is bounded whatever texts come: every cache of it is kept small by bytes.
import { residentBytes } from '@holdfast/test/src/support/process-usage.ts';
import type { MemoryFigures } from './figures.ts';
import { differentTexts } from './requests.ts';
import type { BenchSystem } from './system.ts';

const TEXTS = 10_000;
const DEFAULT_REQUESTS = 40_000;
const NO_TIME_LIMIT_MS = 24 * 3_600_000;

export async function measureMemory(
  system: BenchSystem,
  requests = DEFAULT_REQUESTS,
): Promise<MemoryFigures> {
  const texts = Math.max(1, Math.min(TEXTS, Math.floor(requests / 4)));
  const gateway = await system.anotherOfOurs();
  try {
    system.generator.aim(gateway.url, differentTexts(texts), system.token);
    await system.generator.fire(texts, NO_TIME_LIMIT_MS);
    const firstBytes = await residentBytes(gateway.pid);
    await system.generator.fire(requests - texts, NO_TIME_LIMIT_MS);
    return { requests, texts, firstBytes, lastBytes: await residentBytes(gateway.pid) };
  } finally {
    await gateway.stop();
  }
}
