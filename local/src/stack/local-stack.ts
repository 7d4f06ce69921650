// Finds the database of the stack that `npm start` runs on a data directory, for the other commands.
import { join } from 'node:path';
import { serviceUrl } from '@holdfast/database';
import { readIfPresent } from '../files.ts';
import { readPassword, SUPERUSER } from '../postgres/initdb.ts';
import { findLockOwner } from '../processes/process-lock.js';
import { readRolePasswords } from '../settings/secrets.ts';
import { DATABASE, postgresFolder } from './database-server.ts';

/** The database's URL for the users service. Throws with one line when no server runs. */
export async function findUsersDatabaseUrl(dataDir: string): Promise<string> {
  const server = await findRunningServer(dataDir);
  const { users } = await readRolePasswords(dataDir);
  return serviceUrl(server, 'users', users);
}

/** The database's URL for an administrator. Throws with one line when no server runs. */
export async function findAdministratorUrl(dataDir: string): Promise<string> {
  const url = new URL(await findRunningServer(dataDir));
  url.username = SUPERUSER;
  url.password = await readPassword(postgresFolder(dataDir));
  return url.href;
}

/** The URL of the database, without a user. */
async function findRunningServer(dataDir: string): Promise<string> {
  if ((await findLockOwner(join(dataDir, 'lock'))) === undefined) {
    throw new Error(`no npm start runs on ${dataDir}; start it, or set DATA_DIR or DATABASE_URL`);
  }
  const port = await readServerPort(dataDir);
  if (port === undefined) {
    throw new Error(
      `the npm start on ${dataDir} does not run an embedded PostgreSQL; set DATABASE_URL to the database that it uses`,
    );
  }
  return `postgres://127.0.0.1:${port}/${DATABASE}`;
}

/** The port in line 4 of postmaster.pid. A server that stops removes this file; a killed server leaves it. */
async function readServerPort(dataDir: string): Promise<number | undefined> {
  const text = await readIfPresent(join(postgresFolder(dataDir), 'cluster', 'postmaster.pid'));
  const port = Number(text?.split('\n')[3]);
  return Number.isInteger(port) && port > 0 ? port : undefined;
}
