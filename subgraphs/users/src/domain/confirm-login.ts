// Logging in with a link that was mailed to the account's address, for an owner who has to wait because too many tries failed.
import type { Origin, SecurityLog } from '@holdfast/platform/auth/security-events';
import type { AccountRow } from '../data/account-row.ts';
import type { SessionLife, SessionStore } from '../data/sessions.ts';
import type { IssueAccessToken } from './access-tokens.ts';
import type { DeviceTokens } from './device-tokens.ts';
import { emailTokenHash } from './email-tokens.ts';
import type { LoginGuard } from './login-guard.ts';
import { ACCOUNT_DISABLED, type AccountDisabled, BAD_LINK, type InvalidCredentials } from './problems.ts';
import { createRefreshToken } from './refresh-tokens.ts';
import { issueSession, type OpenSession } from './sessions.ts';

/** Opens a session for the token of a mailed login link. From then on, the account knows the client's address and device. */
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
  readonly record: SecurityLog;
}

export function createConfirmLogin(dependencies: ConfirmLoginDependencies): ConfirmLogin {
  const { sessions, guard, deviceTokens, issueAccessToken, life, record } = dependencies;
  const details = { by: 'link' };

  function recordFailure<Failure>(failure: Failure, origin: Origin, account?: AccountRow): Failure {
    const subject = account && `user ${account.id}`;
    record('login.failed', { actor: 'anonymous', subject, origin, details });
    return failure;
  }

  return async (token, origin) => {
    const presented = emailTokenHash(token);
    if (presented === undefined) return recordFailure(BAD_LINK, origin);
    const next = createRefreshToken();
    const owner = await sessions.openByLink(presented, next.hash, life);
    if (owner === undefined) return recordFailure(BAD_LINK, origin);
    const { account } = owner;
    if (account.disabledAt !== null) return recordFailure(ACCOUNT_DISABLED, origin, account);
    await guard.remember(owner, origin);
    record('login.ok', { actor: account, subject: `user ${account.id}`, origin, details });
    const session = await issueSession(issueAccessToken, account, next.token);
    return { ...session, deviceToken: await deviceTokens.issue(owner) };
  };
}
