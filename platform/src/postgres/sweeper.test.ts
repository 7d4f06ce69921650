// The sweeper: how it goes on, and that it ends.
import { expect, it } from '@jest/globals';
import { createLogger } from '../observability/log.ts';
import { registry } from '../observability/metrics.ts';
import { startSweeper } from './sweeper.ts';

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

it('sweeps in batches until no row is left, again after its pause and after an error, and not after its end', async () => {
  const swept: number[] = [];
  const answers = [100, 100, 3];
  const sweeper = startSweeper({
    what: 'old things',
    sweep: async (max) => {
      expect(max).toBe(100);
      const count = answers.shift() ?? 0;
      swept.push(count);
      if (swept.length === 4) throw new Error('PostgreSQL is away');
      return count;
    },
    everyMs: 20,
    log: createLogger('test', 'silent'),
  });
  while (swept.length < 6) await pause(5);
  await sweeper.stop();
  expect(swept.slice(0, 5)).toEqual([100, 100, 3, 0, 0]);
  const metrics = await registry.metrics();
  expect(metrics).toContain('swept_total{what="old things"} 203');
  expect(metrics).toContain('sweep_failures_total{what="old things"} 1');
  const { length } = swept;
  await pause(60);
  expect(swept).toHaveLength(length);
});
