// Whether an attack has left a mark: every process must still be the same one, ready, and without an error in its log.
import { afterAll, beforeAll, expect } from '@jest/globals';
import { logsSoFar } from './logs-so-far.ts';
import type { RunningSystem } from './running-system.ts';

const PROCESSES = ['gateway', 'users', 'products', 'orders'] as const;

export interface VitalSigns {
  /** Fails unless the same processes run and are ready, and none has logged an error since. */
  expectUnharmed(): Promise<void>;
}

export function vitalSigns(system: RunningSystem): VitalSigns {
  const pids = PROCESSES.map((name) => system.pid(name));
  const seen = system.logs().length;
  return {
    expectUnharmed: async () => {
      expect(PROCESSES.map((name) => system.pid(name))).toEqual(pids);
      for (const name of PROCESSES) expect((await fetch(system.opsUrl(name, '/readyz'))).status).toBe(200);
      const errors = (await logsSoFar(system))
        .slice(seen)
        .filter((line) => /"level":"(error|fatal)"/.test(line));
      expect(errors).toEqual([]);
    },
  };
}

/** Looks before the tests and after them. In a suite with a system of its own: inside a `describe`, which ends before the system. */
export function useVitalSigns(system: RunningSystem): void {
  let vital: VitalSigns | undefined;
  beforeAll(() => {
    vital = vitalSigns(system);
  });
  afterAll(() => vital?.expectUnharmed());
}
