// A redis-server for one test, which the test may kill, pause and restart. It stores no data on disk. And a Sentinel, which is the
// same program.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { findFreePort } from '@holdfast/local/processes/ports';
import { commandOf } from '@holdfast/local/processes/processes';
import { createClient } from 'redis';
import { listAbandonedFolders } from './abandoned.ts';

export interface RedisServer {
  /** `redis://127.0.0.1:<port>`, with the password if the server has one. It stays the same after each restart. */
  readonly url: string;
  /** Sends SIGKILL. The server stays dead until `restart`. */
  kill(): Promise<void>;
  /** Sends SIGSTOP: connections stay open, and the server does not answer. */
  pause(): void;
  /** Sends SIGCONT after `pause`: the server executes the commands that arrived in the meantime. */
  resume(): void;
  /** Starts the server without data, after a SIGKILL if it runs. */
  restart(): Promise<void>;
  stop(): Promise<void>;
  /** Sends one command. */
  command(...words: string[]): Promise<unknown>;
}

interface RedisOptions {
  /** The password of this server and of the one that it replicates. */
  readonly password?: string;
  /** The primary that the server replicates. Without it, the server is a primary. */
  readonly replicaOf?: RedisServer;
}

/** Starts a server and waits until it answers. @throws with its last lines of output when it does not start */
export async function startRedis({ password, replicaOf }: RedisOptions = {}): Promise<RedisServer> {
  const primary = replicaOf && new URL(replicaOf.url);
  return start(
    `redis://${password ? `:${password}@` : ''}127.0.0.1`,
    [
      'save ""',
      ...(password ? [`requirepass ${password}`, `masterauth ${password}`] : []),
      ...(primary ? [`replicaof ${primary.hostname} ${primary.port}`, 'repl-diskless-sync-delay 0'] : []),
    ],
    [],
  );
}

/** The name by which the Sentinel knows the primary. */
export const SENTINEL_NAME = 'primary';

/** Starts a Sentinel that decides alone. It declares a primary dead that has not answered for half a second. */
export async function startSentinel(primary: RedisServer): Promise<RedisServer> {
  const { hostname, port, password } = new URL(primary.url);
  return start(
    'redis://127.0.0.1',
    [
      `sentinel monitor ${SENTINEL_NAME} ${hostname} ${port} 1`,
      `sentinel auth-pass ${SENTINEL_NAME} ${password}`,
      `sentinel down-after-milliseconds ${SENTINEL_NAME} 500`,
      `sentinel failover-timeout ${SENTINEL_NAME} 10000`,
    ],
    ['--sentinel'],
  );
}

async function send(url: string, words: string[]): Promise<unknown> {
  const client = createClient({ url, socket: { reconnectStrategy: false } });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await client.sendCommand(words);
  } finally {
    client.destroy();
  }
}

async function start(address: string, settings: readonly string[], args: string[]): Promise<RedisServer> {
  await sweepAbandoned();
  const folder = await mkdtemp(join(tmpdir(), `holdfast-redis-${process.pid}-`));
  const port = await findFreePort();
  const file = join(folder, 'redis.conf');
  const own = [`port ${port}`, 'bind 127.0.0.1', `dir ${folder}`, `pidfile ${join(folder, 'pid')}`];
  await writeFile(file, [...own, ...settings, ''].join('\n'));
  let child: ChildProcess | undefined = await launch([file, ...args]);
  const kill = async () => {
    if (child === undefined) return;
    await end(child);
    child = undefined;
  };

  const url = `${address}:${port}`;
  return {
    url,
    command: (...words) => send(url, words),
    kill,
    pause: () => void child?.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
    restart: async () => {
      await kill();
      child = await launch([file, ...args]);
    },
    stop: async () => {
      await kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function launch(args: string[]): Promise<ChildProcess> {
  const child = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const lastWords: string[] = [];
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => reject(new Error(`redis-server ended: ${lastWords.slice(-3).join(' / ')}`)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      lastWords.push(line);
      // Of a server, and of a Sentinel.
      if (/Ready to accept connections|# \+monitor/.test(line)) resolve();
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
  for (const folder of await listAbandonedFolders('holdfast-redis-')) {
    const pid = Number(await readFile(join(folder, 'pid'), 'utf8').catch(() => '0'));
    if (pid > 0 && (await commandOf(pid)).includes('redis-server')) process.kill(pid, 'SIGKILL');
    await rm(folder, { recursive: true, force: true });
  }
}
