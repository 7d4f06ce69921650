// Measures how soon a new process of our gateway is ready, without and with Node's compile cache.
import { join } from 'node:path';
import { type ReadyFigures, spreadOf } from './figures.ts';
import type { BenchSystem } from './system.ts';

export async function measureReady(system: BenchSystem, rounds: number): Promise<ReadyFigures> {
  const cache = { NODE_COMPILE_CACHE: join(system.folder, 'compile-cache') };
  const start = async (settings: Readonly<Record<string, string>>): Promise<number> => {
    const gateway = await system.anotherOfOurs(settings);
    await gateway.stop();
    return gateway.readyMs;
  };
  // Node fills the cache when a process ends.
  await start(cache);
  const plain: number[] = [];
  const withCache: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    plain.push(await start({}));
    withCache.push(await start(cache));
  }
  return { plain: spreadOf(plain), withCompileCache: spreadOf(withCache) };
}
