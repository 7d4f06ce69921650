// Open sessions: a refresh token works once and gives the next one (RFC 9700, 4.14.2); logout ends a session.

import type { Origin, SecurityLog } from '@holdfast/platform/auth/security-events';
import type { User } from '@holdfast/platform/auth/viewer';
import { badInput } from '@holdfast/platform/errors';
import { countReplay, idempotencyKey, keyError } from '@holdfast/platform/postgres/idempotency';
import type { AccountRow } from '../data/account-row.ts';
import type { SessionLife, SessionStore } from '../data/sessions.ts';
import type { IssueAccessToken } from './access-tokens.ts';
import { type CallerAccount, callerAccount } from './accounts.ts';
import { BAD_REFRESH_TOKEN, type InvalidCredentials } from './problems.ts';
import { refreshKeyHash, refreshTokenHash, type SuccessorsOf } from './refresh-tokens.ts';

export interface OpenSession {
  readonly __typename: 'Session';
  readonly accessToken: string;
  readonly tokenType: 'Bearer';
  /** Seconds. */
  readonly expiresIn: number;
  readonly refreshToken: string;
  /** Null for a session that was refreshed. */
  readonly deviceToken: string | null;
  readonly user: CallerAccount;
}

export interface Sessions {
  /**
   * Uses the token and returns a session with the next one. A token that was used before ends its family, because one of the two
   * clients must have stolen it. The exception: the next token is unused, and the token was used a moment ago (two tabs, or a
   * call that was sent again) or comes with the key of its first use. Then it returns the same next token again.
   * @throws {AppError} BAD_USER_INPUT when the key is malformed
   */
  refreshSession(
    refreshToken: string,
    key: string | null | undefined,
    origin: Origin,
  ): Promise<OpenSession | InvalidCredentials>;
  /** Ends the family of the token, if there is one. */
  logout(refreshToken: string): Promise<true>;
  /** Ends all sessions and all access tokens of the caller's account. */
  logoutEverywhere(caller: User, origin: Origin): Promise<true>;
}

export interface SessionDependencies {
  readonly sessions: SessionStore;
  readonly issueAccessToken: IssueAccessToken;
  readonly successorsOf: SuccessorsOf;
  readonly life: SessionLife;
  readonly record: SecurityLog;
}

/** Issues the access token of a session. The session has no device token. */
export async function issueSession(
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
    user: callerAccount(row),
  };
}

function readKey(given: string | null | undefined): string | undefined {
  const key = idempotencyKey.safeParse(given);
  if (!key.success) throw badInput('idempotencyKey', keyError(given));
  return key.data;
}

export function createSessions(dependencies: SessionDependencies): Sessions {
  const { sessions, issueAccessToken, successorsOf, life, record } = dependencies;

  return {
    async refreshSession(refreshToken, givenKey, origin) {
      const key = readKey(givenKey);
      const presented = refreshTokenHash(refreshToken);
      if (presented === undefined) return BAD_REFRESH_TOKEN;
      const successors = successorsOf(refreshToken);
      const use = { tokenHash: presented, keyHash: refreshKeyHash(key) };
      const [next] = successors;
      const row = await sessions.rotate({ ...use, nextHash: next.hash }, life);
      if (row !== undefined) return issueSession(issueAccessToken, row, next.token);
      for (const { token, hash } of successors) {
        const again = await sessions.unusedSuccessor({ ...use, nextHash: hash });
        if (again === undefined) continue;
        countReplay();
        return issueSession(issueAccessToken, again, token);
      }
      const revoked = await sessions.revokeReused(presented);
      if (revoked)
        record('refresh.reused', {
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
      return true;
    },

    async logoutEverywhere(caller, origin) {
      await sessions.revokeAll(caller.id);
      record('sessions.ended', { actor: caller, subject: `user ${caller.id}`, origin });
      return true;
    },
  };
}
