// A running system for the tests of one suite, in one line: started before them, left after them.
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { afterAll, beforeAll } from '@jest/globals';
import { handInSecrets, readSharedSystemFacts } from '../setup/shared-system.ts';
import { secretsUsed } from './client.ts';
import { logsSoFar } from './logs-so-far.ts';
import { type RunningSystem, reachable, refuseBadLog } from './running-system.ts';
import type { System, SystemOptions } from './system.ts';

/** A system of the suite's own. It runs from before the suite's tests, and its own `beforeAll`, until after them. */
export function useSystem(options: SystemOptions = {}): System {
  const start = async () => {
    // Late, because suites that share a system need nothing of it.
    const { startSystem } = await import('./system.ts');
    return startSystem(options);
  };
  return whileTestsRun(start, (system) => system.stop());
}

/**
 * The system that suites with ordinary needs share, at the same time: it has the accounts, products and orders of others
 * too. A suite that counts all of something, loads the machine, or takes a process down needs its own, by `useSystem`.
 */
export function useSharedSystem(): RunningSystem {
  return whileTestsRun(joinSharedSystem, (system) => system.leave());
}

/**
 * Makes something before the tests, and gives it up after them. What is returned stands for it: members can be read, and methods
 * called, once it is made.
 */
export function whileTestsRun<Thing extends object>(
  start: () => Promise<Thing>,
  stop: (thing: Thing) => Promise<void> = async () => undefined,
): Thing {
  let thing: Thing | undefined;
  beforeAll(async () => {
    thing = await start();
  });
  afterAll(async () => {
    if (thing !== undefined) await stop(thing);
  });
  return new Proxy<Thing>(Object.create(null), {
    get: (_, member) => {
      if (thing === undefined) throw new Error(`${String(member)} is read before the tests run`);
      const value: unknown = Reflect.get(thing, member, thing);
      // A class with private members refuses a call through the proxy.
      return typeof value === 'function' ? value.bind(thing) : value;
    },
  });
}

interface JoinedSystem extends RunningSystem {
  /** Fails when a secret that the suite used stands in the log, or a service has gone. The run fails when one comes later. */
  leave(): Promise<void>;
}

/** For one suite; `useSharedSystem` leaves by itself. */
export async function joinSharedSystem(): Promise<JoinedSystem> {
  const { pids, logFile, ...facts } = await readSharedSystemFacts();
  const logs = followLog(logFile);
  const system: RunningSystem = { ...reachable(facts), pid: (name) => pids[name], logs };
  const leave = async () => {
    refuseBadLog(await logsSoFar(system));
    await handInSecrets(secretsUsed);
  };
  return { ...system, leave };
}

/** What is written to a log from now on. */
function followLog(file: string): () => string[] {
  let offset = statSync(file).size;
  const lines: string[] = [];
  return () => {
    const added = Buffer.alloc(statSync(file).size - offset);
    const log = openSync(file, 'r');
    readSync(log, added, 0, added.length, offset);
    closeSync(log);
    const end = added.lastIndexOf('\n') + 1;
    offset += end;
    for (const line of added.toString('utf8', 0, end).split('\n')) if (line !== '') lines.push(line);
    return lines;
  };
}
