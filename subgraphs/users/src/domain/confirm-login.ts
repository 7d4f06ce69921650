// Logging in by a link that was mailed to the account's address: for an owner whom a limit of tries holds up.
import type { Origin, SecurityLog } from '@holdfast/platform/security-events';
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
  return async (token, origin) => {
    const presented = emailTokenHash(token);
    if (presented === undefined) return BAD_LINK;
    const next = createRefreshToken();
    const owner = await sessions.openByLink(presented, next.hash, life);
    if (owner === undefined) return BAD_LINK;
    if (owner.account.disabledAt !== null) return ACCOUNT_DISABLED;
    await guard.remember(owner, origin);
    const { account } = owner;
    security('login.ok', { actor: account, subject: `user ${account.id}`, origin, details: { by: 'link' } });
    const session = await sessionOf(issueAccessToken, account, next.token);
    return { ...session, deviceToken: await deviceTokens.issue(owner) };
  };
}
