// A transaction of several statements, for what one statement cannot do because it would not see what it waited for.
import { type Queryable, statement } from '@holdfast/platform/database';
import type pg from 'pg';

/** Commits what `work` did, or nothing of it when it rejects. */
export async function inTransaction<Result>(
  pool: pg.Pool,
  work: (transaction: Queryable) => Promise<Result>,
): Promise<Result> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const result = await work(client);
    await client.query('COMMIT');
    client.release();
    return result;
  } catch (error) {
    // The connection goes, and its transaction with it: one that is broken could not roll back.
    client.release(true);
    throw error;
  }
}

// A used token keeps nothing: whoever holds its successor may be the one who is to be locked out.
const endAll = statement<[userId: number, keptTokenHash: Uint8Array | null], never>(
  'users_session_end_all',
  `UPDATE users.sessions
      SET revoked_at = now()
    WHERE user_id = $1 AND id = family_id AND revoked_at IS NULL
      AND id IS DISTINCT FROM (SELECT family_id FROM users.sessions WHERE token_hash = $2 AND used_at IS NULL)`,
);

/**
 * Ends the sessions of an account whose row the transaction has locked or changed, so that no login is half-way, but
 * for the one whose unused refresh token has `keptTokenHash`.
 */
export async function endSessions(
  transaction: Queryable,
  userId: number,
  keptTokenHash?: Uint8Array,
): Promise<void> {
  await endAll(transaction, userId, keptTokenHash ?? null);
}
