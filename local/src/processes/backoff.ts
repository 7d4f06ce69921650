// The pause before a process that died is started again. The pause grows with each death, and is short again after the process
// has run for a while.

export type Backoff = {
  /** The caller has started the process. */
  started(): void;
  /** The process has died: returns the milliseconds to wait. */
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
