import { useState } from 'react';
import { errorMessage } from './error.ts';

export interface Action {
  readonly busy: boolean;
  /** The problem of the last run. */
  readonly problem: string | undefined;
  /** Runs `work`, which returns a problem or undefined. A call during a run is ignored. */
  run(work: () => Promise<string | undefined>): Promise<void>;
}

/** An action that a click starts: one run at a time, with its problem. */
export function useAction(): Action {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string>();
  return {
    busy,
    problem,
    run: async (work) => {
      if (busy) return;
      setBusy(true);
      setProblem(undefined);
      try {
        setProblem(await work());
      } catch (error) {
        setProblem(errorMessage(error));
      } finally {
        setBusy(false);
      }
    },
  };
}
