// Counts calls in windows of time: in Redis when there is one and it answers, otherwise in this process.
import { labelledCounter } from '@holdfast/platform/metrics';
import { RedisUnavailable } from '@holdfast/platform/redis';
import type { ProcessCounters } from './process-counters.ts';

/** How many calls a window has room for. */
export interface Quota {
  readonly max: number;
  readonly windowMs: number;
}

export interface Taken {
  /** How many of the calls asked for are let through. */
  readonly granted: number;
  /** How many more the window has room for. */
  readonly remaining: number;
  /** When the window ends, ms from now. */
  readonly resetMs: number;
}

export interface Counters {
  /**
   * Counts up to `wanted` calls in the window of `key`, in one step: whatever asks at the same time, no window ever
   * grants more than `max`. What is not granted is not counted; `wanted` 0 only looks.
   */
  take(key: string, wanted: number, quota: Quota): Promise<Taken>;
}

const countTake = labelledCounter({
  name: 'rate_limit_counts_total',
  help: 'Times that calls were counted, by where: in Redis or in the process.',
  label: 'place',
  values: ['redis', 'process'],
});

/**
 * Counts in `shared`, and in `own` while that does not answer. `own` goes on from what it last heard, so nobody's
 * window opens again because Redis went away; limits are looser then by what the other processes let through.
 */
export function createCounters(shared: Counters | undefined, own: ProcessCounters): Counters {
  if (shared === undefined) return own;
  return {
    take: async (key, wanted, quota) => {
      try {
        const taken = await shared.take(key, wanted, quota);
        own.learn(key, taken, quota);
        countTake('redis');
        return taken;
      } catch (error) {
        if (!(error instanceof RedisUnavailable)) throw error;
        countTake('process');
        return own.take(key, wanted, quota);
      }
    },
  };
}
