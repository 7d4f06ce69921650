// Sweeps old sessions away, again and again, for as long as the service runs.
import type { Logger } from '@holdfast/platform/log';
import type { SweepSessions } from '../data/session-sweep.js';

export interface SessionSweeper {
  /** Resolves once nothing of it runs any more. */
  stop(): Promise<void>;
}

export interface SweeperOptions {
  readonly sweep: SweepSessions;
  readonly everyMs: number;
  readonly log: Logger;
  /** From 0 to 1: at which part of the first `everyMs` it begins, so that instances begin apart. */
  readonly random?: () => number;
}

/** Bounds what one statement deletes: a session of a month may have thousands of tokens. */
const FAMILIES_AT_ONCE = 100;

export function startSessionSweeper(options: SweeperOptions): SessionSweeper {
  const { sweep, everyMs, log, random = Math.random } = options;
  let isStopping = false;
  let running = Promise.resolve();

  async function sweepAll(): Promise<void> {
    let families = 0;
    let tokens = 0;
    for (let found = FAMILIES_AT_ONCE; found === FAMILIES_AT_ONCE && !isStopping; ) {
      const swept = await sweep(FAMILIES_AT_ONCE);
      found = swept.families;
      families += swept.families;
      tokens += swept.tokens;
    }
    if (families > 0) log.info({ families, tokens }, 'old sessions are deleted');
  }

  const next = (ms: number): NodeJS.Timeout =>
    setTimeout(() => {
      running = sweepAll()
        // The next sweep finds what this one left.
        .catch((error: unknown) => log.warn({ err: error }, 'old sessions could not be deleted'))
        .then(() => {
          if (!isStopping) timer = next(everyMs);
        });
    }, ms).unref();
  let timer = next(random() * everyMs);

  return {
    stop: async () => {
      isStopping = true;
      clearTimeout(timer);
      await running;
    },
  };
}
