// The revocation list in PostgreSQL: the accounts whose access tokens were ended before they expired.

import type { RevocationList } from '@holdfast/platform/auth/revocations';
import type { Queryable } from '@holdfast/platform/postgres/database';
import { bigint, doublePrecision, integer, statement } from '@holdfast/platform/postgres/sql';

/**
 * The most accounts in the list, which keeps its body below 1 MB. If there are more, the list has the disabled accounts first, then
 * those whose tokens ended last. The tokens of the other accounts stay valid until they expire.
 */
export const MAX_REVOCATIONS = 50_000;

/** Seconds for the time between reading the generation of a token and signing the token, and for differences of clocks. */
const MARGIN_S = 60;

const selectEnded = statement({
  name: 'users_revocations',
  text: `SELECT id, token_generation AS "tokenGeneration"
           FROM users.users
          WHERE tokens_ended_at > now() - $lifeS * interval '1 second'
          ORDER BY disabled_at IS NULL, tokens_ended_at DESC, id
          LIMIT $max`,
  parameters: { lifeS: doublePrecision, max: bigint },
  row: { id: integer, tokenGeneration: integer },
});

/** @param tokenTtlS how long an access token lives, s */
export async function readRevocations(
  db: Queryable,
  tokenTtlS: number,
  max = MAX_REVOCATIONS,
): Promise<RevocationList> {
  const rows = await selectEnded(db, { lifeS: tokenTtlS + MARGIN_S, max });
  return new Map(rows.map(({ id, tokenGeneration }) => [id, tokenGeneration]));
}
