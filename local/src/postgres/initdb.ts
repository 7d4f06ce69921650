// Makes a new PostgreSQL cluster with a password for its superuser.
import { randomBytes } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../error-code.js';
import { readIfPresent, writeDurably } from '../files.ts';
import { spawnGuarded } from '../processes/guarded-process.js';
import { chownTo } from './account.ts';
import type { PostgresBinaries } from './binaries.ts';
import { createHome, type PostgresHome } from './home.ts';

export const SUPERUSER = 'postgres';
const KILLED_WITHIN_MS = 5_000;

/** The file with the superuser's password. */
export const passwordFile = (dataDir: string): string => join(dataDir, 'password');

/** Makes the cluster of `dataDir`, which has none. Throws with one line, or the reason of `signal`. */
export async function createCluster(
  dataDir: string,
  binaries: PostgresBinaries,
  durable: boolean,
  signal?: AbortSignal,
): Promise<PostgresHome> {
  const password = randomBytes(24).toString('base64url');
  return createHome(dataDir, binaries, async (home) => {
    const forInitdb = `${home.cluster}.password`;
    try {
      await writeFile(forInitdb, `${password}\n`, { mode: 0o600 });
      await chownTo(home.account, forInitdb);
      await initialise(home, forInitdb, durable, signal);
    } finally {
      await rm(forInitdb, { force: true });
    }
    await writeDurably(passwordFile(dataDir), `${password}\n`);
  });
}

/** The superuser's password of the cluster of `dataDir`. */
export async function readPassword(dataDir: string): Promise<string> {
  const file = passwordFile(dataDir);
  const unusable = (what: string) =>
    new Error(
      `${file} ${what}, and the database cannot be used without it: restore it, or start with --reset, which deletes the database`,
    );
  const text = await readIfPresent(file).catch((error: unknown) => {
    throw unusable(`cannot be read (${errorCode(error) ?? error})`);
  });
  if (text === undefined) throw unusable('is missing');
  if (text.trim() === '') throw unusable('is empty');
  return text.trim();
}

async function initialise(
  home: PostgresHome,
  pwfile: string,
  durable: boolean,
  signal?: AbortSignal,
): Promise<void> {
  signal?.throwIfAborted();
  const args = [
    `--pgdata=${home.cluster}`,
    `--username=${SUPERUSER}`,
    `--pwfile=${pwfile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    ...localeArguments(home.binaries),
    '--no-instructions',
    ...(durable ? [] : ['--no-sync']),
  ];
  const initdb = spawnGuarded(home.binaries.initdb, args, {
    account: home.account,
    // After other signals initdb would clean up first. The next start does that.
    ending: [['SIGKILL', KILLED_WITHIN_MS]],
    cwd: '/',
    env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C' },
  });
  signal?.addEventListener('abort', initdb.end);
  let output = '';
  for (const stream of initdb.output) stream.on('data', (chunk) => (output += chunk));
  const { code, failure } = await initdb.ended;
  signal?.removeEventListener('abort', initdb.end);
  signal?.throwIfAborted();
  if (code !== 0) throw new Error(`initdb failed in ${home.cluster}: ${failure ?? reasonIn(output)}`);
}

/** The same rules of order and case on every machine; before version 17, PostgreSQL uses those of the system. */
const localeArguments = ({ version }: PostgresBinaries): string[] =>
  Number.parseInt(version, 10) < 17
    ? ['--locale=C.UTF-8']
    : ['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];

/** The line of initdb's output that gives the reason of its failure. */
function reasonIn(output: string): string {
  const lines = output.trim().split('\n');
  return lines.filter((line) => /error|fatal/i.test(line)).at(-1) ?? lines.at(-1) ?? '';
}
