// For tests of sessions and passwords: the calls of a client, each as short as it can be said.
import { hash } from '@node-rs/argon2';
import type pg from 'pg';
import type { TestUsers } from './testing.ts';

const SESSION = '__typename ... on Session { accessToken refreshToken }';
const LOGIN = `mutation ($input: LoginInput!) { login(input: $input) { ${SESSION} } }`;
const REFRESH = `mutation ($token: String!) { refreshSession(refreshToken: $token) { ${SESSION} } }`;
const CHANGE = `mutation ($input: ChangePasswordInput!) {
  changePassword(input: $input) {
    __typename
    ... on PasswordChanged { user { id username email version updatedAt } }
    ... on Problem { code message }
    ... on InvalidInput { errors { field message } }
  }
}`;

export const PASSWORD = 'stapler battery horse';
export const NEXT_PASSWORD = 'paper clip zebra';

/** A hash of the least cost. A hash contains its parameters, so the login of an account that has it is cheap too. */
const CHEAP_HASH = await hash(PASSWORD, { memoryCost: 8, timeCost: 1, parallelism: 1 });

/** What `changePassword` says when the current password is wrong. */
export const REFUSED_CHANGE = {
  __typename: 'InvalidCredentials',
  code: 'INVALID_CREDENTIALS',
  message: 'The current password is wrong, or it was changed in the meantime.',
};

export interface Session {
  readonly accessToken: string;
  readonly refreshToken: string;
}

export const kindOf = async (reply: Promise<{ __typename: string }>): Promise<string> =>
  (await reply).__typename;

/** Starts `act` while what `first` did is not committed yet, and commits once `act` waits for it or is through. */
export async function meanwhile<Result>(
  pool: pg.Pool,
  first: (client: pg.PoolClient) => Promise<unknown>,
  act: () => Promise<Result>,
): Promise<Result> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    await first(client);
    let isThrough = false;
    const acting = act().finally(() => {
      isThrough = true;
    });
    while (!isThrough && !(await isAnyWaiting(pool))) await new Promise((resolve) => setTimeout(resolve, 5));
    await client.query('COMMIT');
    return await acting;
  } finally {
    client.release(true);
  }
}

/** Inserts the session of a login, as the statement of the service does. The caller commits. */
export const insertSession = (client: pg.ClientBase, userId: string, refreshToken: string) =>
  client.query(
    `WITH owner AS (SELECT id FROM users.users WHERE id = $1 FOR SHARE),
          family AS (SELECT nextval('users.sessions_id_seq') AS id)
     INSERT INTO users.sessions (id, family_id, user_id, token_hash, expires_at)
     SELECT family.id, family.id, owner.id, sha256(convert_to($2, 'UTF8')), now() + interval '1 day' FROM owner, family`,
    [userId, refreshToken],
  );

/** Makes it a minute since the refresh token was used. */
export async function waitOutRepeats(pool: pg.Pool, refreshToken: string): Promise<void> {
  const { rowCount } = await pool.query(
    `UPDATE users.sessions SET used_at = used_at - interval '1 minute'
      WHERE token_hash = sha256(convert_to($1, 'UTF8')) AND used_at IS NOT NULL`,
    [refreshToken],
  );
  if (rowCount !== 1) throw new Error('a refresh token that was used is expected');
}

/** Whether any statement waits for another's lock. */
export async function isAnyWaiting(pool: pg.Pool): Promise<boolean> {
  const { rowCount } = await pool.query(
    `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
  );
  return rowCount !== 0;
}

/** The calls to a service that `users` gives once it has been started. */
export function callsTo(users: () => TestUsers) {
  const changeAs = (authorization: string | undefined, input: object) =>
    users().graphql(
      CHANGE,
      { input: { currentPassword: PASSWORD, newPassword: NEXT_PASSWORD, ...input } },
      authorization,
    );
  return {
    /** Inserts an account with PASSWORD, without a registration; returns its id. */
    open: async (username: string): Promise<string> => {
      const { rows } = await users().pool.query(
        'INSERT INTO users.users (username, email, password_hash) VALUES ($1, $2, $3) RETURNING id::text',
        [username, `${username.toLowerCase()}@example.com`, CHEAP_HASH],
      );
      return rows[0].id;
    },
    login: async (username: string, password: string = PASSWORD) =>
      (await users().graphql(LOGIN, { input: { username, password } })).data.login,
    refresh: async (token: string) => (await users().graphql(REFRESH, { token })).data.refreshSession,
    /** The whole reply to a change from PASSWORD to NEXT_PASSWORD, unless `input` says otherwise. */
    changeAs,
    /** The same with the access token of `session`; fails on errors. */
    change: async ({ accessToken }: Session, input: object = {}) => {
      const { data, errors } = await changeAs(`Bearer ${accessToken}`, input);
      if (errors.length > 0) throw new Error(`changePassword failed: ${JSON.stringify(errors)}`);
      return data.changePassword;
    },
  };
}
