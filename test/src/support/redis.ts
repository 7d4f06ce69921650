// A redis-server of a test's own, which it may kill, pause and start again. It keeps nothing on disk.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { freePort } from '@holdfast/scripts/ports';
import { commandOf } from '@holdfast/scripts/processes';
import { abandonedFolders } from './abandoned.ts';

export interface RedisServer {
  /** `redis://127.0.0.1:<port>`, the same after each restart. */
  readonly url: string;
  /** SIGKILL; it stays dead until `restart`. */
  kill(): Promise<void>;
  /** SIGSTOP: connections stay open and nothing answers. */
  pause(): void;
  /** SIGCONT after `pause`: what was sent meanwhile is carried out now. */
  resume(): void;
  /** Starts it, after a SIGKILL if it runs, empty. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a server and waits until it answers. @throws with its last words when it does not start */
export async function startRedis(): Promise<RedisServer> {
  await sweepAbandoned();
  const folder = await mkdtemp(join(tmpdir(), `holdfast-redis-${process.pid}-`));
  const port = await freePort();
  let child: ChildProcess | undefined = await launch(folder, port);
  const kill = async () => {
    if (child === undefined) return;
    await end(child);
    child = undefined;
  };

  return {
    url: `redis://127.0.0.1:${port}`,
    kill,
    pause: () => void child?.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
    restart: async () => {
      await kill();
      child = await launch(folder, port);
    },
    stop: async () => {
      await kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function launch(folder: string, port: number): Promise<ChildProcess> {
  const child = spawn(
    'redis-server',
    [
      ['--port', String(port)],
      ['--bind', '127.0.0.1'],
      ['--dir', folder],
      ['--pidfile', join(folder, 'pid')],
      ['--save', ''],
      ['--appendonly', 'no'],
    ].flat(),
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const lastWords: string[] = [];
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => reject(new Error(`redis-server ended: ${lastWords.slice(-3).join(' / ')}`)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      lastWords.push(line);
      if (line.includes('Ready to accept connections')) resolve();
    });
  });
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, 'close');
  child.kill('SIGKILL');
  await closed;
}

/** Ends the servers of test runs that were killed, and removes their folders. */
async function sweepAbandoned(): Promise<void> {
  for (const folder of await abandonedFolders('holdfast-redis-')) {
    const pid = Number(await readFile(join(folder, 'pid'), 'utf8').catch(() => '0'));
    if (pid > 0 && (await commandOf(pid)).includes('redis-server')) process.kill(pid, 'SIGKILL');
    await rm(folder, { recursive: true, force: true });
  }
}
