// Counting in the process: exact, forgetful, and never larger than told.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import { createProcessCounters } from './process-counters.ts';

const QUOTA = { max: 3, windowMs: 1_000 };

describe('counting in the process', () => {
  it('grants what there is room for, and all of it again in the next window', async () => {
    let now = 5_000;
    const counters = createProcessCounters({ now: () => now });
    expect(await counters.take('a', 2, QUOTA)).toEqual({ granted: 2, remaining: 1, resetMs: 1_000 });
    now += 400;
    expect(await counters.take('a', 2, QUOTA)).toEqual({ granted: 1, remaining: 0, resetMs: 600 });
    expect(await counters.take('a', 1, QUOTA)).toEqual({ granted: 0, remaining: 0, resetMs: 600 });
    now += 599;
    expect((await counters.take('a', 1, QUOTA)).granted).toBe(0);
    now += 1;
    expect(await counters.take('a', 1, QUOTA)).toEqual({ granted: 1, remaining: 2, resetMs: 1_000 });
  });

  it('counts each key for itself', async () => {
    const counters = createProcessCounters();
    await counters.take('a', 3, QUOTA);
    expect((await counters.take('b', 3, QUOTA)).granted).toBe(3);
  });

  it('goes on from what was counted elsewhere, until that window ends', async () => {
    let now = 5_000;
    const counters = createProcessCounters({ now: () => now });
    counters.learn('a', { granted: 1, remaining: 1, resetMs: 300 }, QUOTA);
    expect(await counters.take('a', 3, QUOTA)).toEqual({ granted: 1, remaining: 0, resetMs: 300 });
    now += 300;
    expect((await counters.take('a', 3, QUOTA)).granted).toBe(3);
  });

  it('only looks when nothing is wanted', async () => {
    const counters = createProcessCounters();
    expect(await counters.take('a', 0, QUOTA)).toMatchObject({ granted: 0, remaining: 3 });
    expect(counters.size).toBe(0);
  });

  it('forgets the windows used longest ago, and never one that is in use', async () => {
    const counters = createProcessCounters({ maxWindows: 100 });
    for (let index = 0; index < 1_000; index += 1) {
      await counters.take('in use', 1, QUOTA);
      await counters.take(`address ${index}`, 1, QUOTA);
    }
    expect(counters.size).toBe(100);
    expect((await counters.take('in use', 1, QUOTA)).granted).toBe(0);
  });

  it('does not grow the process whatever number of addresses comes', async () => {
    const counters = createProcessCounters();
    const visit = async (round: number) => {
      for (let index = 0; index < 50_000; index += 1)
        await counters.take(`address:${'x'.repeat(22)}${round}-${index}`, 1, QUOTA);
    };
    await visit(0);
    const before = heapUsed();
    for (let round = 1; round < 5; round += 1) await visit(round);
    expect(counters.size).toBe(20_000);
    expect(heapUsed() - before).toBeLessThan(5_000_000);
  });
});

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

/** Bytes that are in use, garbage not counted. */
function heapUsed(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}
