import { useState } from 'react';
import { errorMessage } from './error.ts';

export interface Action {
  readonly busy: boolean;
  /** What was wrong with the last run. */
  readonly problem: string | undefined;
  /** Runs `work`, which gives what is wrong, if anything. A run while another is under way is ignored. */
  run(work: () => Promise<string | undefined>): Promise<void>;
}

/** Something that a click starts: one at a time, with what came of it. */
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
