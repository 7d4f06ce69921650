// A streaming standby of a running server, made from an online copy of its folder, because the embedded binaries lack pg_basebackup.
import { execFile } from 'node:child_process';
import { appendFile, chmod, chown, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type EmbeddedPostgres, removePostgres, startPostgres } from '@holdfast/local/postgres/server';
import pg from 'pg';

export interface Standby {
  readonly server: EmbeddedPostgres;
  /** The URL of the standby that corresponds to `url` of the primary. */
  urlOf(url: string): string;
  stop(): Promise<void>;
}

/** @param adminUrl of the primary, as a superuser */
export async function startStandby(adminUrl: string): Promise<Standby> {
  const dataDir = await mkdtemp(join(tmpdir(), 'holdfast-standby-'));
  // When root runs the tests, PostgreSQL runs as another user.
  await chmod(dataDir, 0o755);
  const { password, port } = new URL(adminUrl);
  await copyCluster(
    adminUrl,
    join(dataDir, 'cluster'),
    `host=127.0.0.1 port=${port} user=postgres password=${password}`,
  );
  await writeFile(join(dataDir, 'password'), password, { mode: 0o600 });
  const server = await startPostgres({ dataDir });
  return {
    server,
    urlOf: (url) => Object.assign(new URL(url), { port: server.port }).href,
    stop: async () => {
      await server.stop();
      await removePostgres(dataDir);
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

async function copyCluster(adminUrl: string, cluster: string, primary: string): Promise<void> {
  const admin = new pg.Client({ connectionString: adminUrl });
  await admin.connect();
  try {
    const { rows } = await admin.query<{ folder: string }>(
      `SELECT current_setting('data_directory') AS folder`,
    );
    await admin.query(`SELECT pg_backup_start('standby', fast => true)`);
    await promisify(execFile)('cp', ['-a', rows[0]?.folder ?? '', cluster]);
    const { rows: ended } = await admin.query<{ label: string }>(
      'SELECT labelfile AS label FROM pg_backup_stop()',
    );
    await rm(join(cluster, 'postmaster.pid'));
    await appendFile(join(cluster, 'postgresql.auto.conf'), `primary_conninfo = '${primary}'\n`);
    const { uid, gid } = await stat(cluster);
    for (const [name, text] of [
      ['backup_label', ended[0]?.label ?? ''],
      ['standby.signal', ''],
    ] as const) {
      await writeFile(join(cluster, name), text);
      await chown(join(cluster, name), uid, gid);
    }
  } finally {
    await admin.end();
  }
}
