// Deletes old sessions. Several instances may do so at the same time.
import type { Queryable } from '@holdfast/platform/postgres/database';
import { bigint, integer, notNull, type RowOf, statement } from '@holdfast/platform/postgres/sql';

const COUNT = notNull(integer, 'count(*) is 0 without rows');
const SWEPT = { families: COUNT, tokens: COUNT };
export type Swept = RowOf<typeof SWEPT>;

// A family has one unused token, its newest. A refresh locks the row of that token, and the statement skips locked rows. If a
// refresh has committed since the statement began, the token is no longer unused when the statement locks its row. The statement
// also locks the head of the family, so that the DELETE does not wait for a transaction that ends sessions.
const deleteOld = statement({
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

/**
 * Deletes up to `maxFamilies` families of which every token, also a used one, expired more than a day ago. Such a family cannot be
 * used, and a client that presents one of its used tokens cannot have considered it valid. Revoked families are no exception.
 */
export const sweepSessions = async (db: Queryable, maxFamilies: number): Promise<Swept> =>
  (await deleteOld(db, { maxFamilies }))[0] ?? { families: 0, tokens: 0 };
