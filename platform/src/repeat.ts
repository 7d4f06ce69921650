// Repeats work until it is stopped, one run at a time. node:timers/promises has `setInterval`, which fires again at once
// after a run that was late, and set-interval-async cannot shorten a pause; so the loop is written here.
import { setTimeout as sleep } from 'node:timers/promises';

export interface RepeatOptions {
  /** The pause after each run, ms. */
  readonly everyMs: number | (() => number);
  /** The pause before the first run, ms. */
  readonly firstAfterMs?: number;
  /** Receives what a run throws; the next run follows all the same. It must not throw, because that would end the repetition. */
  readonly onError: (error: unknown) => void;
}

export interface Repetition {
  /** Ends the pause and aborts the signal of the run under way. Resolves when that run has ended. */
  stop(): Promise<void>;
}

/** Runs `work` now, or after `firstAfterMs`, and again after each pause. The pauses do not keep the process alive. */
export function repeat(
  work: (signal: AbortSignal) => Promise<void>,
  { everyMs, firstAfterMs = 0, onError }: RepeatOptions,
): Repetition {
  const stopping = new AbortController();
  const { signal } = stopping;

  async function run(): Promise<void> {
    if (firstAfterMs > 0) await pause(firstAfterMs, signal);
    while (!signal.aborted) {
      try {
        await work(signal);
      } catch (error) {
        onError(error);
      }
      await pause(typeof everyMs === 'number' ? everyMs : everyMs(), signal);
    }
  }

  const running = run();
  return {
    stop: () => {
      stopping.abort();
      return running;
    },
  };
}

/** Resolves after `ms`, or as soon as the signal is aborted. Does not keep the process alive. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal, ref: false }).catch(() => undefined);
}
