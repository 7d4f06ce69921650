// How long to wait before something that died is started again: longer each time, short again after it has
// been up a while.

export type Backoff = {
  /** It has been started. */
  started(): void;
  /** It has died: the milliseconds to wait. */
  next(): number;
};

/** Doubles from `firstMs` to `longestMs`; starts over once a run has lasted `steadyMs`. */
export function createBackoff({
  firstMs = 250,
  longestMs = 30_000,
  steadyMs = 60_000,
  now = Date.now,
}: {
  firstMs?: number;
  longestMs?: number;
  steadyMs?: number;
  now?: () => number;
} = {}): Backoff {
  let startedAt = now();
  let pauseMs = firstMs;
  return {
    started() {
      startedAt = now();
    },
    next() {
      if (now() - startedAt >= steadyMs) pauseMs = firstMs;
      const present = pauseMs;
      pauseMs = Math.min(pauseMs * 2, longestMs);
      return present;
    },
  };
}
