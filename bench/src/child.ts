// Starts the programs of the benchmark and ends them.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { COMPILE_CACHE as FOLDER } from '@holdfast/local/settings/services';
import type { Announcement } from './program.ts';

/** It only shortens the start. The case ready measures the start without this cache. */
export const COMPILE_CACHE = { NODE_COMPILE_CACHE: FOLDER };

export interface Program {
  /** Its URL without a path. */
  readonly url: string;
  readonly pid: number;
  readonly process: ChildProcess;
  stop(): Promise<void>;
}

export interface ProgramOptions {
  readonly args?: readonly string[];
  /** The whole environment except PATH. */
  readonly env?: Readonly<Record<string, string>>;
  readonly nodeArgs?: readonly string[];
}

/**
 * Starts a program by its path under bench/src, on the Node of this process. Its standard output goes through a pipe, as under a
 * supervisor, and is dropped. Its standard error is shown.
 */
export function forkProgram(path: string, { args = [], env = {}, nodeArgs = [] }: ProgramOptions = {}) {
  const child = fork(fileURLToPath(new URL(path, import.meta.url)), args, {
    execArgv: ['--disable-warning=ExperimentalWarning', ...nodeArgs],
    env: { PATH: process.env['PATH'] ?? '', NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  child.stdout?.resume();
  return child;
}

/** Starts a program and waits until it announces its port. @throws when it ends before that */
export async function startProgram(path: string, options: ProgramOptions = {}): Promise<Program> {
  const child = forkProgram(path, { ...options, env: { ...COMPILE_CACHE, ...options.env } });
  const { port } = await waitForAnnouncement(child, path);
  return programOf(child, `http://127.0.0.1:${port}`);
}

export function programOf(child: ChildProcess, url: string): Program {
  const { pid } = child;
  if (pid === undefined) throw new Error('the program has no process');
  return { url, pid, process: child, stop: () => end(child) };
}

async function waitForAnnouncement(child: ChildProcess, path: string): Promise<Announcement> {
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`${path} ended with ${code} before it listened`);
  });
  const [message] = await Promise.race([once(child, 'message'), ended]);
  return message;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await gone;
}
