// Gives the tests of a suite a running system in one line. It is ready before the first test.
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { afterAll, beforeAll } from '@jest/globals';
import { handInSecrets, readSharedSystemFacts, startBeside, stopBeside } from '../setup/shared-system.ts';
import { secretsUsed } from './client.ts';
import { readLogsSoFar } from './logs-so-far.ts';
import { describeSystem, type Instance, type RunningSystem, refuseBadLog } from './running-system.ts';
import type { System, SystemOptions } from './system.ts';

/**
 * A system that the suite has alone. It starts before the tests and the later `beforeAll` hooks of the suite, and ends after the tests.
 * @param options a function is called after the earlier `beforeAll` hooks, so it can use what they made
 */
export function useSystem(options: SystemOptions | (() => SystemOptions) = {}): System {
  const start = async () => {
    // Imported late, because suites that share a system do not use it.
    const { startSystem } = await import('./system.ts');
    return startSystem(typeof options === 'function' ? options() : options);
  };
  return whileTestsRun(start, (system) => system.stop());
}

/**
 * The system that suites share at the same time, so it has accounts, products and orders of other suites too. A suite that counts all
 * rows or requests, loads the machine or kills a process needs `useSystem`. A suite that needs one process with a special setting starts
 * it with `another`.
 */
export function useSharedSystem(): RunningSystem {
  return whileTestsRun(joinSharedSystem, (system) => system.leave());
}

/**
 * What releases the objects that exist, in the order of their start. Jest calls `afterAll` hooks in the order of their definition, so
 * each releases the youngest object, which may use the older ones.
 */
const releases: (() => Promise<void>)[] = [];

/**
 * Makes an object before the tests and releases it after them. The returned proxy stands for the object: a test can read its members
 * and call its methods as soon as it exists.
 */
export function whileTestsRun<Thing extends object>(
  start: () => Promise<Thing>,
  stop: (thing: Thing) => Promise<void> = async () => undefined,
): Thing {
  let thing: Thing | undefined;
  beforeAll(async () => {
    releases.push(async () => {
      if (thing !== undefined) await stop(thing);
    });
    thing = await start();
  });
  afterAll(async () => {
    await releases.pop()?.();
  });
  return new Proxy<Thing>(Object.create(null), {
    get: (_, member) => {
      if (thing === undefined) throw new Error(`${String(member)} is read before the tests run`);
      const value: unknown = Reflect.get(thing, member, thing);
      // A method that uses private members of its class cannot be called on the proxy.
      return typeof value === 'function' ? value.bind(thing) : value;
    },
  });
}

interface JoinedSystem extends RunningSystem {
  /** @throws when the log contains a secret that the suite used. The run fails when the secret is logged later. */
  leave(): Promise<void>;
}

/** Joins the shared system. The caller must leave it; `useSharedSystem` does so itself. */
export async function joinSharedSystem(): Promise<JoinedSystem> {
  const { pids, logFile, ...facts } = await readSharedSystemFacts();
  const logs = followLog(logFile);
  const others: Instance[] = [];
  const another: RunningSystem['another'] = async (service, env = {}) => {
    const { url, opsUrl, pid } = await startBeside(service, env);
    const instance = {
      url,
      opsUrl: (path: string) => opsUrl + path,
      pid: () => pid,
      stop: () => stopBeside(url),
    };
    others.push(instance);
    return instance;
  };
  const system: RunningSystem = { ...describeSystem(facts), pid: (name) => pids[name], another, logs };
  const leave = async () => {
    try {
      await Promise.all(others.map((instance) => instance.stop()));
    } finally {
      await handInSecrets(secretsUsed);
      refuseBadLog(await readLogsSoFar(system));
    }
  };
  return { ...system, leave };
}

/** Returns a function that reads the lines that were written to the log since this call. */
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
