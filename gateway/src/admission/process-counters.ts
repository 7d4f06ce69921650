// Counts calls in the memory of this process. The number of windows is bounded: the window used longest ago is removed first.
import { LRUCache } from 'lru-cache';
import type { Counters, Quota, Taken } from './counters.ts';

/** Some megabytes. A caller with more addresses than this gains little from a second window on one of them. */
const MAX_WINDOWS = 20_000;

export interface ProcessCountersOptions {
  readonly maxWindows?: number;
  /** A clock in whole milliseconds that never goes back. */
  readonly now?: () => number;
}

export interface ProcessCounters extends Counters {
  /** Takes over a count from another store, so that counting continues from it. */
  learn(key: string, taken: Taken, quota: Quota): void;
  /** How many windows are held. */
  readonly size: number;
}

/** Creates counters that hold at most `maxWindows` windows. */
export function createProcessCounters(options: ProcessCountersOptions = {}): ProcessCounters {
  const { maxWindows = MAX_WINDOWS, now = () => Math.round(performance.now()) } = options;
  const windows = new LRUCache<string, { taken: number; readonly endsAt: number }>({ max: maxWindows });
  return {
    get size() {
      return windows.size;
    },
    learn: (key, { remaining, resetMs }, { max }) => {
      if (remaining < max) windows.set(key, { taken: max - remaining, endsAt: now() + resetMs });
    },
    take: async (key, wanted, { max, windowMs }) => {
      const at = now();
      const open = windows.get(key);
      const window = open && open.endsAt > at ? open : { taken: 0, endsAt: at + windowMs };
      const granted = Math.max(0, Math.min(wanted, max - window.taken));
      window.taken += granted;
      if (granted > 0) windows.set(key, window);
      return { granted, remaining: Math.max(0, max - window.taken), resetMs: window.endsAt - at };
    },
  };
}
