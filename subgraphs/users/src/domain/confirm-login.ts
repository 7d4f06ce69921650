// Logging in by a link that was mailed to the account's address: for an owner whom a limit of tries holds up.
import type { Origin, SecurityLog } from '@holdfast/platform/auth/security-events';
import type { AccountRow } from '../data/accounts.ts';
import type { SessionLife, SessionStore } from '../data/sessions.ts';
import type { IssueAccessToken } from './access-tokens.ts';
import type { DeviceTokens } from './device-tokens.ts';
import { emailTokenHash } from './email-tokens.ts';
import type { LoginGuard } from './login-guard.ts';
import { createRefreshToken } from './refresh-tokens.ts';
import {
  ACCOUNT_DISABLED,
  type AccountDisabled,
  BAD_LINK,
  type InvalidCredentials,
  type OpenSession,
  sessionOf,
} from './sessions.ts';

/** Opens a session for who has the token of a mailed login link. The address and the device are known from then on. */
export type ConfirmLogin = (
  token: string,
  origin: Origin,
) => Promise<OpenSession | InvalidCredentials | AccountDisabled>;

export interface ConfirmLoginDependencies {
  readonly sessions: SessionStore;
  readonly guard: LoginGuard;
  readonly deviceTokens: DeviceTokens;
  readonly issueAccessToken: IssueAccessToken;
  readonly life: SessionLife;
  readonly security: SecurityLog;
}

export function createConfirmLogin(dependencies: ConfirmLoginDependencies): ConfirmLogin {
  const { sessions, guard, deviceTokens, issueAccessToken, life, security } = dependencies;
  const details = { by: 'link' };

  function fail<Failure>(failure: Failure, origin: Origin, account?: AccountRow): Failure {
    const subject = account && `user ${account.id}`;
    security('login.failed', { actor: 'anonymous', subject, origin, details });
    return failure;
  }

  return async (token, origin) => {
    const presented = emailTokenHash(token);
    if (presented === undefined) return fail(BAD_LINK, origin);
    const next = createRefreshToken();
    const owner = await sessions.openByLink(presented, next.hash, life);
    if (owner === undefined) return fail(BAD_LINK, origin);
    const { account } = owner;
    if (account.disabledAt !== null) return fail(ACCOUNT_DISABLED, origin, account);
    await guard.remember(owner, origin);
    security('login.ok', { actor: account, subject: `user ${account.id}`, origin, details });
    const session = await sessionOf(issueAccessToken, account, next.token);
    return { ...session, deviceToken: await deviceTokens.issue(owner) };
  };
}
