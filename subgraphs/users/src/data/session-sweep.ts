// Deletes sessions that are over, several instances at a time.
import { bigint, integer, notNull, type RowOf, statement } from '@holdfast/platform/postgres/sql';
import type pg from 'pg';

const COUNT = notNull(integer, 'a count is 0 without rows');
const SWEPT = { families: COUNT, tokens: COUNT };
export type Swept = RowOf<typeof SWEPT>;

/**
 * Deletes up to `maxFamilies` families of which every token, used ones too, expired more than a day ago: then nothing
 * of them can be used, and nobody who presents a used one can have thought it good. Revoked families are no
 * exception.
 */
export type SweepSessions = (maxFamilies: number) => Promise<Swept>;

// A family has one unused token, its newest. Whoever refreshes holds its row: such a family is passed over, and
// one that was refreshed since the statement began is not unused any more when its lock is had. The head is locked as
// well, so that the DELETE waits for nobody who ends sessions.
const sweep = statement({
  name: 'users_session_sweep',
  text: `WITH dead AS MATERIALIZED (
     SELECT newest.family_id
       FROM users.sessions newest
       JOIN users.sessions head ON head.id = newest.family_id
      WHERE newest.used_at IS NULL AND newest.expires_at < now() - interval '1 day'
        AND NOT EXISTS (SELECT FROM users.sessions s
                         WHERE s.family_id = newest.family_id AND s.expires_at >= now() - interval '1 day')
      ORDER BY newest.expires_at
      LIMIT $maxFamilies
        FOR UPDATE OF newest, head SKIP LOCKED
   ), gone AS (
     DELETE FROM users.sessions s USING dead WHERE s.family_id = dead.family_id RETURNING s.id
   )
   SELECT (SELECT count(*)::int FROM dead) AS families, (SELECT count(*)::int FROM gone) AS tokens`,
  parameters: { maxFamilies: bigint },
  row: SWEPT,
});

/** The sweep of the database behind `pool`. */
export const createSessionSweep =
  (pool: pg.Pool): SweepSessions =>
  async (maxFamilies) =>
    (await sweep(pool, { maxFamilies }))[0] ?? { families: 0, tokens: 0 };
