// Sessions: opened with a password, kept alive by refresh tokens that work once (RFC 9700, 4.14.2), ended by logout.
import { badInput } from '@holdfast/platform/errors';
import { countReplay, idempotencyKey, keyFault } from '@holdfast/platform/idempotency';
import type { Logger } from '@holdfast/platform/log';
import type { Origin } from '@holdfast/platform/security-events';
import { allHandled } from '@holdfast/platform/validation';
import type { AccountRow, AccountStore } from '../data/accounts.ts';
import type { SessionLife, SessionStore } from '../data/sessions.ts';
import type { LoginInput } from '../generated/graphql.ts';
import type { IssueAccessToken } from './access-tokens.ts';
import { findByName, type OwnAccount, ownAccount } from './accounts.ts';
import { emailTokenHash } from './email-tokens.ts';
import { type PasswordHasher, sharesOf } from './password-hashing.ts';
import { isTooLong } from './password-rules.ts';
import { createRefreshToken, refreshKeyHash, refreshTokenHash, type SuccessorsOf } from './refresh-tokens.ts';

export interface OpenSession {
  readonly __typename: 'Session';
  readonly accessToken: string;
  readonly tokenType: 'Bearer';
  /** Seconds. */
  readonly expiresIn: number;
  readonly refreshToken: string;
  readonly user: OwnAccount;
}

export interface InvalidCredentials {
  readonly __typename: 'InvalidCredentials';
  readonly code: 'INVALID_CREDENTIALS';
  readonly message: string;
}

export interface Sessions {
  /** `username` may be the e-mail address; either in any case. */
  login(credentials: LoginInput, origin: Origin): Promise<OpenSession | InvalidCredentials>;
  /**
   * A token that was used before ends its family: either its owner or the one who presents it has stolen it. Unless its
   * successor is unused, and it was used a moment ago (two tabs, a call that is sent again) or comes with the key of its
   * first use: then it gives the same successor again.
   * @throws {AppError} BAD_USER_INPUT when the key is malformed
   */
  refresh(refreshToken: string, key?: string | null): Promise<OpenSession | InvalidCredentials>;
  /** Opens a session for who has the token of a mailed login link. */
  confirmLogin(token: string): Promise<OpenSession | InvalidCredentials>;
  /** Ends the token's family, if there is one. */
  logout(refreshToken: string): Promise<void>;
  /** Ends every session of the account; access tokens that are out stay good until they expire. */
  logoutEverywhere(userId: number): Promise<void>;
}

export interface SessionDependencies {
  readonly accounts: AccountStore;
  readonly sessions: SessionStore;
  readonly hasher: PasswordHasher;
  readonly issueAccessToken: IssueAccessToken;
  readonly successorsOf: SuccessorsOf;
  readonly life: SessionLife;
  readonly log: Logger;
}

export const invalidCredentials = (message: string): InvalidCredentials => ({
  __typename: 'InvalidCredentials',
  code: 'INVALID_CREDENTIALS',
  message,
});
/** Says nothing of what was wrong: that would tell which names have accounts. */
const BAD_LOGIN = invalidCredentials(
  'The username and password of an account are expected; these do not belong together.',
);
const BAD_REFRESH_TOKEN = invalidCredentials(
  'A refresh token that is live and unused is expected. Log in again.',
);

export const BAD_LINK = invalidCredentials(
  'A link that is not older than its mail says, not used yet and the newest of its kind is expected. Ask for another one.',
);

async function sessionOf(
  issue: IssueAccessToken,
  row: AccountRow,
  refreshToken: string,
): Promise<OpenSession> {
  const { token: accessToken, expiresIn } = await issue(row);
  return {
    __typename: 'Session',
    accessToken,
    tokenType: 'Bearer',
    expiresIn,
    refreshToken,
    user: ownAccount(row),
  };
}

function readKey(given: string | null | undefined): string | undefined {
  const key = idempotencyKey.safeParse(given);
  if (!key.success) throw badInput('idempotencyKey', keyFault(given));
  return key.data;
}

export function createSessions(dependencies: SessionDependencies): Sessions {
  const { accounts, sessions, hasher, issueAccessToken, successorsOf, life, log } = dependencies;

  return {
    async login({ username, password, ...rest }, origin) {
      allHandled(rest);
      if (isTooLong(password)) return BAD_LOGIN;
      const found = await findByName(accounts, username);
      const shares = sharesOf(origin, found?.account.id ?? username);
      const matches = await hasher.matches(password, found?.passwordHash, shares);
      if (found === undefined || !matches) return BAD_LOGIN;
      const { token, hash } = createRefreshToken();
      const account = await sessions.open(found.account.id, found.passwordHash, hash, life);
      return account === undefined ? BAD_LOGIN : sessionOf(issueAccessToken, account, token);
    },

    async refresh(refreshToken, givenKey) {
      const key = readKey(givenKey);
      const presented = refreshTokenHash(refreshToken);
      if (presented === undefined) return BAD_REFRESH_TOKEN;
      const successors = successorsOf(refreshToken);
      const use = { tokenHash: presented, keyHash: refreshKeyHash(key) };
      const [next] = successors;
      const row = await sessions.rotate({ ...use, nextHash: next.hash }, life);
      if (row !== undefined) return sessionOf(issueAccessToken, row, next.token);
      for (const { token, hash } of successors) {
        const again = await sessions.unusedSuccessor({ ...use, nextHash: hash });
        if (again === undefined) continue;
        countReplay();
        return sessionOf(issueAccessToken, again, token);
      }
      const revoked = await sessions.revokeReused(presented);
      if (revoked) log.warn(revoked, 'a refresh token was presented a second time: its session is ended');
      return BAD_REFRESH_TOKEN;
    },

    async confirmLogin(token) {
      const presented = emailTokenHash(token);
      if (presented === undefined) return BAD_LINK;
      const next = createRefreshToken();
      const account = await sessions.openByLink(presented, next.hash, life);
      return account === undefined ? BAD_LINK : sessionOf(issueAccessToken, account, next.token);
    },

    async logout(refreshToken) {
      const presented = refreshTokenHash(refreshToken);
      if (presented !== undefined) await sessions.revoke(presented);
    },

    logoutEverywhere: (userId) => sessions.revokeAll(userId),
  };
}
