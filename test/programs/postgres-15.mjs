// Debian's PostgreSQL 15, the oldest supported version. `npm test` runs every test on the embedded 18, and ON_POSTGRES_15 of
// chosen-tests.mjs again on 15.
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isInOneOf } from './install-programs.mjs';

/** Where Debian installs it. HOLDFAST_TEST_POSTGRES_15 names the folder of another installation. */
const FOLDER = process.env.HOLDFAST_TEST_POSTGRES_15 || '/usr/lib/postgresql/15';
const PREFIX = 'holdfast-postgres15-';

/** For ensurePrograms. */
export const POSTGRES_15 = {
  name: `PostgreSQL 15 in ${FOLDER}`,
  debian: 'postgresql-15',
  brew: 'postgresql@15',
  find: () => isInOneOf([join(FOLDER, 'bin')], 'postgres'),
};

/** Runs `work` with the administrator's URL of a new server, and removes the server afterwards. */
export async function withPostgres15(work) {
  const [{ installedBinaries }, { removePostgres, startPostgres }, { listAbandonedFolders }] =
    await Promise.all([
      import('../../local/src/postgres/binaries.ts'),
      import('../../local/src/postgres/server.ts'),
      import('../src/support/abandoned.ts'),
    ]);
  for (const folder of await listAbandonedFolders(PREFIX)) await removePostgres(folder);
  const dataDir = join(tmpdir(), `${PREFIX}${process.pid}`);
  await mkdir(dataDir, { mode: 0o755 });
  const server = await startPostgres({ dataDir, durable: false, binaries: installedBinaries(FOLDER, '15') });
  try {
    await work(server.adminUrl);
  } finally {
    await server.stop();
    await removePostgres(dataDir);
  }
}
