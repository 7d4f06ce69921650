// A transaction of several statements, for changes that one statement cannot make because it would not see the rows it waited for.
import type { Queryable } from '@holdfast/platform/postgres/database';
import { bytea, integer, nullable, statement } from '@holdfast/platform/postgres/sql';
import type pg from 'pg';
import { endTokens } from './email-tokens.ts';

/** Commits the statements of `work`, or rolls all of them back when it rejects. */
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
    // Closing the connection rolls the transaction back, also on a broken connection, where ROLLBACK would fail.
    client.release(true);
    throw error;
  }
}

// A used token keeps no session, because the holder of the next token may be the attacker whom the change locks out.
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
 * Ends the sessions of an account, except the session whose unused refresh token has `keptTokenHash`. The transaction must have locked or
 * changed the row of the account, so that no login is between its statements. All access tokens end, also that of the kept session,
 * because the next generation begins. Mailed links end, too, because an attacker may have requested one.
 */
export async function endSessions(
  transaction: Queryable,
  userId: number,
  keptTokenHash?: Uint8Array,
): Promise<void> {
  await endAll(transaction, { userId, keptTokenHash: keptTokenHash ?? null });
  await endTokens(transaction, userId);
}
