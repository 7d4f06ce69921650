// Counts calls in this process's memory, bounded: the windows used longest ago are forgotten first.
import { LRUCache } from 'lru-cache';
import type { Counters, Quota, Taken } from './counters.ts';

/** Some megabytes; whoever has more addresses than this does not need a second window on one of them. */
const MAX_WINDOWS = 20_000;

export interface ProcessCountersOptions {
  readonly maxWindows?: number;
  /** Whole milliseconds that only grow. */
  readonly now?: () => number;
}

export interface ProcessCounters extends Counters {
  /** Takes over what was counted elsewhere, so that counting goes on from there. */
  learn(key: string, taken: Taken, quota: Quota): void;
  /** How many windows are held. */
  readonly size: number;
}

/** Counters that hold at most `maxWindows` windows. */
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
