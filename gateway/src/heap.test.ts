// What the gateway keeps in memory is bounded in bytes, and the bytes are those of the heap.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { Measured } from './test/heap-thread.ts';

let measured: Measured;
beforeAll(async () => {
  const thread = new Worker(new URL('./test/heap-thread.ts', import.meta.url), { execArgv: [] });
  [measured] = await once(thread, 'message');
  await thread.terminate();
});

describe('the bytes of an operation', () => {
  it('are at least those of the heap, and not ten times as many', () => {
    expect(measured.operations).toHaveLength(8);
    expect(measured.operations.filter(({ isCounted }) => !isCounted)).toEqual([]);
  });

  it('are not those of the URL that a text was cut out of', () => {
    expect(measured.cut).toBeLessThan(10_000);
  });
});

describe('counting in the process', () => {
  it('takes bounded memory for any number of addresses', () => {
    expect(measured.counters).toBeLessThan(5_000_000);
  });
});
