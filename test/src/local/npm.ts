// `npm start` and `npm run dev` as a process, the processes below it, and the ways to end it.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { spawnGuarded } from '@holdfast/local/processes/guarded-process';
import { findFreePort } from '@holdfast/local/processes/ports';
import { childrenOf, isRunning, waitUntilGone } from '@holdfast/local/processes/processes';
import { portsFrom } from '@holdfast/local/settings/services';
import { checkPorts } from '@holdfast/local/stack/port-check';
import { expect } from '@jest/globals';
import { eventually } from '../support/client.ts';

export const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

export interface Npm {
  /** The process id of npm itself. */
  readonly pid: number;
  /** Settles when npm has ended; its output is complete then. */
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  readonly hasEnded: () => boolean;
  /** All output so far. */
  output(): string;
  /** Waits until the output has the text. Throws with the output when npm ends before that. */
  waitFor(text: string): Promise<void>;
  /** Ends npm and what is in its group. */
  end(): void;
}

/** No test waits for so long: only a start that hangs does, however busy the machine is. */
export const STEP_MS = 300_000;

/** Runs `npm start` in a process group of its own, as a terminal does. The processes end when the tests are killed. */
export async function startNpm(
  env: Record<string, string>,
  cwd = ROOT,
  args: readonly string[] = ['start'],
): Promise<Npm> {
  const npm = spawnGuarded('npm', args, {
    cwd,
    env: { ...process.env, DATABASE_URL: '', REDIS_URL: '', ...env },
  });
  let output = '';
  for (const stream of npm.output)
    stream.on('data', (text) => {
      output += text;
    });
  let hasEnded = false;
  const ended = npm.ended.then((exit) => {
    hasEnded = true;
    return exit;
  });
  const pid = await npm.pid;
  if (pid === undefined) throw new Error('npm cannot be started');
  return {
    pid,
    ended,
    hasEnded: () => hasEnded,
    output: () => output,
    end: npm.end,
    async waitFor(text) {
      const isOver = async () => hasEnded || output.includes(text);
      await eventually(isOver, (is) => is, STEP_MS);
      if (!output.includes(text))
        throw new Error(`npm ${args.join(' ')} ended and did not write "${text}":\n${output}`);
    },
  };
}

/** A PORT whose whole set of ports was free a moment ago. */
export async function freeBasePort(): Promise<number> {
  for (;;) {
    const port = await findFreePort();
    const isFree = await checkPorts(portsFrom(port)).then(
      () => true,
      () => false,
    );
    if (isFree) return port;
  }
}

/** The process id of scripts/start.mjs. */
export const readStartPid = async (dataDir: string): Promise<number> =>
  Number.parseInt(await readFile(join(dataDir, 'lock'), 'utf8'), 10);

export const WAYS = ['Ctrl-C', 'kill -9 of npm start', 'kill -9 of npm'] as const;
export type Way = (typeof WAYS)[number];

/** Ends `npm start` in that way, and expects that no process that it started is left. */
export async function interrupt(npm: Npm, dataDir: string, way: Way): Promise<void> {
  const started = await listDescendants(npm.pid);
  const startPid = await readStartPid(dataDir);
  expect(started).toContain(startPid);
  // A terminal sends Ctrl-C to every process of the group.
  if (way === 'Ctrl-C') process.kill(-npm.pid, 'SIGINT');
  else process.kill(way === 'kill -9 of npm' ? npm.pid : startPid, 'SIGKILL');
  await npm.ended;
  await waitUntilGone(started, STEP_MS);
  const left = await Promise.all(started.map(async (pid) => ((await isRunning(pid)) ? [pid] : [])));
  expect(left.flat()).toEqual([]);
}

/** Waits until `npm start` is at a step, and ends it there in that way. */
export async function interruptAt(
  npm: Npm,
  dataDir: string,
  way: Way,
  isAtStep: () => Promise<boolean>,
): Promise<void> {
  let isThere = false;
  const look = async () => {
    isThere ||= await isAtStep();
    return isThere || npm.hasEnded();
  };
  await eventually(look, (isOver) => isOver, STEP_MS);
  if (!isThere) throw new Error(`npm start ended before this step:\n${npm.output()}`);
  await interrupt(npm, dataDir, way);
}

/** The process ids of all processes below `pid`. */
async function listDescendants(pid: number): Promise<number[]> {
  const children = await childrenOf(pid);
  return [...children, ...(await Promise.all(children.map(listDescendants))).flat()];
}
