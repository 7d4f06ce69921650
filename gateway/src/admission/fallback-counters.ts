// Counts calls in Redis while Redis answers, and in this process otherwise.
import { labelledCounter } from '@holdfast/platform/observability/metrics';
import { RedisUnavailable } from '@holdfast/platform/redis';
import type { Counters } from './counters.ts';
import type { ProcessCounters } from './process-counters.ts';

const countTake = labelledCounter({
  name: 'rate_limit_counts_total',
  help: 'Times that calls were counted, by where: in Redis or in the process.',
  label: 'place',
  values: ['redis', 'process'],
});

/**
 * Counts in `shared`, and in `own` while `shared` does not answer. `own` continues from the last counts of `shared`, so no
 * window opens again because Redis is down. Each process counts for itself then, so the limits are looser.
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
