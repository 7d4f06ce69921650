// Sessions that are open: kept alive by refresh tokens that work once (RFC 9700, 4.14.2), ended by logout.

import type { Origin, SecurityLog } from '@holdfast/platform/auth/security-events';
import type { User } from '@holdfast/platform/auth/viewer';
import { badInput } from '@holdfast/platform/errors';
import { countReplay, idempotencyKey, keyError } from '@holdfast/platform/postgres/idempotency';
import type { AccountRow } from '../data/accounts.ts';
import type { SessionLife, SessionStore } from '../data/sessions.ts';
import type { IssueAccessToken } from './access-tokens.ts';
import { type OwnAccount, ownAccount } from './accounts.ts';
import { refreshKeyHash, refreshTokenHash, type SuccessorsOf } from './refresh-tokens.ts';

export interface OpenSession {
  readonly __typename: 'Session';
  readonly accessToken: string;
  readonly tokenType: 'Bearer';
  /** Seconds. */
  readonly expiresIn: number;
  readonly refreshToken: string;
  /** Null unless the session was opened just now. */
  readonly deviceToken: string | null;
  readonly user: OwnAccount;
}

export interface InvalidCredentials {
  readonly __typename: 'InvalidCredentials';
  readonly code: 'INVALID_CREDENTIALS';
  readonly message: string;
}

export interface AccountDisabled {
  readonly __typename: 'AccountDisabled';
  readonly code: 'ACCOUNT_DISABLED';
  readonly message: string;
}

export interface Sessions {
  /**
   * A token that was used before ends its family: either its owner or the one who presents it has stolen it. Unless its
   * successor is unused, and it was used a moment ago (two tabs, a call that is sent again) or comes with the key of its
   * first use: then it gives the same successor again.
   * @throws {AppError} BAD_USER_INPUT when the key is malformed
   */
  refresh(
    refreshToken: string,
    key: string | null | undefined,
    origin: Origin,
  ): Promise<OpenSession | InvalidCredentials>;
  /** Ends the token's family, if there is one. */
  logout(refreshToken: string): Promise<void>;
  /** Ends every session and every access token of the caller's account. */
  logoutEverywhere(caller: User, origin: Origin): Promise<void>;
}

export interface SessionDependencies {
  readonly sessions: SessionStore;
  readonly issueAccessToken: IssueAccessToken;
  readonly successorsOf: SuccessorsOf;
  readonly life: SessionLife;
  readonly security: SecurityLog;
}

export const invalidCredentials = (message: string): InvalidCredentials => ({
  __typename: 'InvalidCredentials',
  code: 'INVALID_CREDENTIALS',
  message,
});
const BAD_REFRESH_TOKEN = invalidCredentials(
  'A refresh token that is live and unused is expected. Log in again.',
);

/** Told to those who know the password, so that others do not learn which accounts there are. */
export const ACCOUNT_DISABLED: AccountDisabled = {
  __typename: 'AccountDisabled',
  code: 'ACCOUNT_DISABLED',
  message: 'An account that is in use is expected; this one has been disabled. Ask the shop.',
};

export const BAD_LINK = invalidCredentials(
  'A link that is not older than its mail says, not used yet and the newest of its kind is expected. Ask for another one.',
);

/** A session of the account, not from any device that would be known by it. */
export async function sessionOf(
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
    deviceToken: null,
    user: ownAccount(row),
  };
}

function readKey(given: string | null | undefined): string | undefined {
  const key = idempotencyKey.safeParse(given);
  if (!key.success) throw badInput('idempotencyKey', keyError(given));
  return key.data;
}

export function createSessions(dependencies: SessionDependencies): Sessions {
  const { sessions, issueAccessToken, successorsOf, life, security } = dependencies;

  return {
    async refresh(refreshToken, givenKey, origin) {
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
      if (revoked)
        security('refresh.reused', {
          actor: 'anonymous',
          subject: `user ${revoked.userId}`,
          origin,
          details: { family: revoked.familyId },
        });
      return BAD_REFRESH_TOKEN;
    },

    async logout(refreshToken) {
      const presented = refreshTokenHash(refreshToken);
      if (presented !== undefined) await sessions.revoke(presented);
    },

    async logoutEverywhere(caller, origin) {
      await sessions.revokeAll(caller.id);
      security('sessions.ended', { actor: caller, subject: `user ${caller.id}`, origin });
    },
  };
}
