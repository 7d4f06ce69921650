// Debian's PostgreSQL 15, the oldest that is supported. `npm test` runs every test on the embedded 18, and on 15 once more those
// that its age can fail: migrations, statements, races, and what clients of each service see.
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureProgram } from './programs.mjs';

/** Jest's patterns of those. */
export const ON_POSTGRES_15 = [
  'prisma/src/',
  '(sql/platform-|data/)statements',
  'test/src/concurrency/',
  'test/src/contract/(rest-accounts|rest-products|rest-orders|search|name-order)',
];

/** Where Debian has it; HOLDFAST_TEST_POSTGRES_15 names another installation's folder. */
const ROOT = process.env.HOLDFAST_TEST_POSTGRES_15 || '/usr/lib/postgresql/15';

/** Makes sure that it is there. Throws StepFailed, saying what to do. */
export async function ensurePostgres15() {
  await ensureProgram({
    program: 'postgres',
    debianPackage: 'postgresql-15',
    brewPackage: 'postgresql@15',
    folder: join(ROOT, 'bin'),
  });
}

/** Runs `work` with the administrator's URL of a new server, which is gone afterwards. */
export async function withPostgres15(work) {
  const [{ installedBinaries }, { removePostgres, startPostgres }, { abandonedFolders }] = await Promise.all([
    import('../../local/src/postgres/binaries.ts'),
    import('../../local/src/postgres/server.ts'),
    import('../src/support/abandoned.ts'),
  ]);
  const PREFIX = 'holdfast-postgres15-';
  for (const folder of await abandonedFolders(PREFIX)) await removePostgres(folder);
  const dataDir = join(tmpdir(), `${PREFIX}${process.pid}`);
  await mkdir(dataDir, { mode: 0o755 });
  const server = await startPostgres({ dataDir, durable: false, binaries: installedBinaries(ROOT, '15') });
  try {
    await work(server.adminUrl);
  } finally {
    await server.stop();
    await removePostgres(dataDir);
  }
}
