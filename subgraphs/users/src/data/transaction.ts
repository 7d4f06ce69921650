// A transaction of several statements, for what one statement cannot do because it would not see what it waited for.
import type { Queryable } from '@holdfast/platform/postgres/database';
import { bytea, integer, nullable, statement } from '@holdfast/platform/postgres/sql';
import type pg from 'pg';
import { endTokens } from './email-tokens.ts';

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
const endAll = statement({
  name: 'users_session_end_all',
  text: `WITH ended AS (
           UPDATE users.sessions
              SET revoked_at = now()
            WHERE user_id = $userId AND id = family_id AND revoked_at IS NULL
              AND id IS DISTINCT FROM
                  (SELECT family_id FROM users.sessions WHERE token_hash = $keptTokenHash AND used_at IS NULL)
         )
         UPDATE users.users
            SET token_generation = token_generation + 1, tokens_ended_at = now()
          WHERE id = $userId`,
  parameters: { userId: integer, keptTokenHash: nullable(bytea) },
  row: {},
});

/**
 * Ends the sessions of an account whose row the transaction has locked or changed, so that no login is half-way, but
 * for the one whose unused refresh token has `keptTokenHash`. Every access token ends, that of the kept session too: a
 * token carries the generation that the statement which issued it has read, and the next generation begins here. Mailed
 * links end with them: one could have been asked for by the thief whom this locks out.
 */
export async function endSessions(
  transaction: Queryable,
  userId: number,
  keptTokenHash?: Uint8Array,
): Promise<void> {
  await endAll(transaction, { userId, keptTokenHash: keptTokenHash ?? null });
  await endTokens(transaction, userId);
}
