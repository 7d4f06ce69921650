// Checks that an attack has done no harm: every process must still be the same, be ready, and have logged no error.
import { afterAll, beforeAll, expect } from '@jest/globals';
import { readLogsSoFar } from './logs-so-far.ts';
import type { RunningSystem } from './running-system.ts';

const PROCESSES = ['gateway', 'users', 'products', 'orders'] as const;

interface VitalSigns {
  /** @throws unless the same processes run and are ready, and no process has logged an error since */
  expectUnharmed(): Promise<void>;
}

function recordVitalSigns(system: RunningSystem): VitalSigns {
  const pids = PROCESSES.map((name) => system.pid(name));
  const seen = system.logs().length;
  return {
    expectUnharmed: async () => {
      expect(PROCESSES.map((name) => system.pid(name))).toEqual(pids);
      for (const name of PROCESSES) expect((await fetch(system.opsUrl(name, '/readyz'))).status).toBe(200);
      const errors = (await readLogsSoFar(system))
        .slice(seen)
        .filter((line) => /"level":"(error|fatal)"/.test(line));
      // On the shared system, the request of another suite can have caused the error.
      expect(errors.map(describeError)).toEqual([]);
    },
  };
}

/** Puts the request and the root field in front of a log line, because they tell which suite sent the request. */
function describeError(line: string): string {
  const { requestId, field = '' } = JSON.parse(line);
  return `request ${requestId}, root field ${field.split('.')[0]}: ${line}`;
}

/**
 * Checks the processes after the tests. A suite with its own system must call this inside a `describe`, which ends before the system
 * does.
 */
export function useVitalSigns(system: RunningSystem): void {
  let vital: VitalSigns | undefined;
  beforeAll(() => {
    vital = recordVitalSigns(system);
  });
  afterAll(() => vital?.expectUnharmed());
}
