// Commits that hang in the real PostgreSQL: each waits for a standby that does not exist. Such a commit is on disk, but no session
// sees it, and neither a timeout nor the end of its client ends the wait.
import { eventually } from './client.ts';
import { inspect } from './invariants.ts';

/** From now on every commit of a change hangs, until `releaseCommits`. */
export const hangCommits = (adminUrl: string): Promise<void> => setStandby(adminUrl, 'absent');

/** Ends every commit that hangs, with its changes. */
export const releaseCommits = (adminUrl: string): Promise<void> => setStandby(adminUrl, '');

async function setStandby(adminUrl: string, name: string): Promise<void> {
  await inspect(adminUrl, async (admin) => {
    await admin.query(`ALTER SYSTEM SET synchronous_standby_names = '${name}'`);
    await admin.query('SELECT pg_reload_conf()');
    await eventually(
      async () => (await admin.query('SHOW synchronous_standby_names')).rows[0].synchronous_standby_names,
      (current) => current === name,
    );
  });
}

/** The sessions of the services in this database: how many there are, and in how many a commit hangs. */
export const sessions = (adminUrl: string): Promise<{ readonly open: number; readonly hanging: number }> =>
  inspect(adminUrl, async (admin) => {
    const { rows } = await admin.query(
      `SELECT count(*)::int AS open, count(*) FILTER (WHERE wait_event = 'SyncRep')::int AS hanging
         FROM pg_stat_activity WHERE datname = current_database() AND usename <> current_user`,
    );
    return rows[0];
  });
