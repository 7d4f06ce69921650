// The parts of statements that make a mailed token: they write the token and add the job of its mail, both or neither.
import { EmailTokenPurpose } from '@holdfast/database';
import { bytea, enumeration, nullable, text } from '@holdfast/platform/postgres/sql';
import { addJob } from '@holdfast/platform/queue/queue';

export type { EmailTokenPurpose } from '@holdfast/database';

/** `users.email_token_purpose`. */
export const PURPOSE = enumeration('users.email_token_purpose', EmailTokenPurpose);

/** How long a token of each purpose is valid, in seconds. */
const LIFE_S: Readonly<Record<EmailTokenPurpose, number>> = {
  VERIFY_EMAIL: 86_400,
  CHANGE_EMAIL: 86_400,
  RESET_PASSWORD: 3_600,
  CONFIRM_LOGIN: 900,
};

/** The most tokens of one purpose for an account in an hour, so that an attacker cannot fill a mailbox. */
const MAX_PER_HOUR = 5;

const lifeOf = (purpose: string): string =>
  `CASE ${purpose} ${Object.entries(LIFE_S)
    .map(([label, seconds]) => `WHEN '${label}' THEN interval '${seconds} seconds'`)
    .join(' ')} END`;

const WINDOW_IS_OVER = "t.window_started_at <= now() - interval '1 hour'";

/** The SQL of the columns of a new token. */
export interface TokenToMake {
  /** A FROM list with its condition; each row is an account. */
  readonly from: string;
  readonly userId: string;
  readonly purpose: string;
  readonly email: string;
}

/**
 * A CTE `made` that replaces tokens by new ones with the hash `$tokenHash`, unless too many were made. The count is in the row, so that
 * concurrent statements cannot exceed it. `mailToken` adds the mail.
 */
export const makeToken = ({ from, userId, purpose, email }: TokenToMake): string =>
  `made AS (
     INSERT INTO users.email_tokens AS t (user_id, purpose, token_hash, email, expires_at)
     SELECT ${userId}, ${purpose}, $tokenHash, ${email}, now() + ${lifeOf(purpose)} FROM ${from}
     ON CONFLICT (user_id, purpose) DO UPDATE
        SET token_hash = excluded.token_hash, email = excluded.email, expires_at = excluded.expires_at, used_at = NULL,
            window_started_at = CASE WHEN ${WINDOW_IS_OVER} THEN now() ELSE t.window_started_at END,
            made_in_window = CASE WHEN ${WINDOW_IS_OVER} THEN 1 ELSE t.made_in_window + 1 END
      WHERE ${WINDOW_IS_OVER} OR t.made_in_window < ${MAX_PER_HOUR}
     RETURNING t.user_id, t.purpose
   )`;

/** Adds the job that mails a token of the CTE `made`. */
export const mailToken = (userId = 'user_id', purpose = 'purpose'): string =>
  addJob(
    'send-mail',
    `jsonb_build_object('mail', 'token', 'userId', ${userId}, 'purpose', ${purpose}, 'seed', $seed::text)`,
    '$trace::text',
  );

export interface NewToken {
  readonly seed: string;
  readonly hash: Uint8Array;
}

/** The parameters of a statement that makes a token. */
export const TOKEN_PARAMETERS = { tokenHash: bytea, seed: text, trace: nullable(text) };
