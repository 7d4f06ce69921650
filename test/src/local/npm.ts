// `npm start` and `npm run dev` as a process of its own, and what runs because of it.
import { fileURLToPath } from 'node:url';
import { spawnGuarded } from '@holdfast/local/processes/guarded-process';
import { freePort } from '@holdfast/local/processes/ports';
import { childrenOf } from '@holdfast/local/processes/processes';
import { checkPorts } from '@holdfast/local/stack/port-check';
import { portsFrom } from '@holdfast/local/stack/services';
import { eventually } from '../support/client.ts';

export const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

export interface Npm {
  /** Of npm itself. */
  readonly pid: number;
  /** Settles when npm has ended; its output is complete then. */
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  readonly hasEnded: () => boolean;
  /** What it wrote until now. */
  output(): string;
  /** Waits until it has written a text. Throws with its output when it ends before that. */
  says(text: string, withinMs?: number): Promise<void>;
  /** Ends npm and what is in its group. */
  end(): void;
}

/** Runs `npm start` in a process group of its own, as a terminal does. It ends with the tests, should they be killed. */
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
    async says(text, withinMs = 60_000) {
      const isOver = async () => hasEnded || output.includes(text);
      await eventually(isOver, (is) => is, withinMs);
      if (!output.includes(text))
        throw new Error(`npm ${args.join(' ')} ended and did not say "${text}":\n${output}`);
    },
  };
}

/** A PORT whose whole set of ports was free a moment ago. */
export async function freeBasePort(): Promise<number> {
  for (;;) {
    const port = await freePort();
    const isFree = await checkPorts(portsFrom(port)).then(
      () => true,
      () => false,
    );
    if (isFree) return port;
  }
}

/** Ctrl-C in a terminal: the signal goes to npm and to all that is in its group. */
export function pressCtrlC({ pid }: Npm): void {
  process.kill(-pid, 'SIGINT');
}

/** Everything that runs because of `pid`. */
export async function descendantsOf(pid: number): Promise<number[]> {
  const children = await childrenOf(pid);
  return [...children, ...(await Promise.all(children.map(descendantsOf))).flat()];
}
