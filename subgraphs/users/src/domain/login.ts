// Logging in with a password. A try is counted before the password is checked; the right password opens a session.

import type { Origin, SecurityEventName, SecurityLog } from '@holdfast/platform/auth/security-events';
import type { Logger } from '@holdfast/platform/observability/log';
import { allHandled } from '@holdfast/platform/validation';
import type { AccountRow } from '../data/account-row.ts';
import type { AccountStore, AccountWithHash } from '../data/accounts.ts';
import type { SessionLife, SessionStore } from '../data/sessions.ts';
import type { LoginInput } from '../generated/graphql.ts';
import type { IssueAccessToken } from './access-tokens.ts';
import { comparableName, findByName } from './accounts.ts';
import type { DeviceTokens } from './device-tokens.ts';
import type { Admission, LoginGuard, Try } from './login-guard.ts';
import { type PasswordHasher, sharesOf } from './password-hashing.ts';
import { isTooLong } from './password-rules.ts';
import {
  ACCOUNT_DISABLED,
  type AccountDisabled,
  BAD_LOGIN,
  type InvalidCredentials,
  type LoginLimited,
  loginLimited,
} from './problems.ts';
import { createRefreshToken } from './refresh-tokens.ts';
import { issueSession, type OpenSession } from './sessions.ts';

/** `username` may also be the e-mail address, in any case. */
export type Login = (
  credentials: LoginInput,
  origin: Origin,
) => Promise<OpenSession | InvalidCredentials | AccountDisabled | LoginLimited>;

export interface LoginDependencies {
  readonly accounts: AccountStore;
  readonly sessions: SessionStore;
  readonly guard: LoginGuard;
  readonly deviceTokens: DeviceTokens;
  readonly hasher: PasswordHasher;
  readonly issueAccessToken: IssueAccessToken;
  readonly life: SessionLife;
  /** Mails the account a link that opens a session; undefined when no mail is sent. */
  readonly sendLoginLink: ((userId: AccountRow['id']) => Promise<unknown>) | undefined;
  readonly record: SecurityLog;
  readonly log: Logger;
}

export function createLogin(dependencies: LoginDependencies): Login {
  const {
    accounts,
    sessions,
    guard,
    deviceTokens,
    hasher,
    issueAccessToken,
    life,
    sendLoginLink,
    record,
    log,
  } = dependencies;

  function recordTry(name: SecurityEventName, { found, origin }: Try, { by, waitS }: Admission): void {
    const subject = found && `user ${found.account.id}`;
    const actor = name === 'login.ok' && found ? found.account : 'anonymous';
    record(name, { actor, subject, origin, details: { by, ...(waitS !== undefined && { waitS }) } });
  }

  const isRight = ({ found, name, origin }: Try, password: string): Promise<boolean> =>
    hasher.matches(password, found?.passwordHash, sharesOf(origin, found?.account.id ?? name));

  /** Undefined when the password was changed in the meantime. */
  async function open(
    owner: AccountWithHash,
    device: string | undefined,
  ): Promise<OpenSession | AccountDisabled | undefined> {
    const { token, hash } = createRefreshToken();
    const account = await sessions.open(owner.account.id, owner.passwordHash, hash, life);
    if (account === undefined) return undefined;
    if (account.disabledAt !== null) return ACCOUNT_DISABLED;
    const session = await issueSession(issueAccessToken, account, token);
    return { ...session, deviceToken: await deviceTokens.issue(owner, device) };
  }

  /** The reply does not wait for the mail, because the time would reveal that the password was right. */
  async function mailLink(
    tried: Try,
    password: string,
    send: NonNullable<typeof sendLoginLink>,
  ): Promise<void> {
    const { found } = tried;
    const right = await guard.tryUntold(tried, () => isRight(tried, password));
    if (!right || found === undefined) return;
    const userId = found.account.id;
    send(userId).catch((error: unknown) =>
      log.error({ err: error, userId }, 'a login link could not be mailed'),
    );
  }

  async function refuse(tried: Try, password: string, retryAfter: number): Promise<LoginLimited> {
    if (sendLoginLink) await mailLink(tried, password, sendLoginLink);
    return loginLimited(retryAfter, sendLoginLink !== undefined);
  }

  async function attempt(tried: Try, password: string, { device, giveBack }: Admission) {
    const { found, origin } = tried;
    const right = await isRight(tried, password).catch(async (error: unknown) => {
      await giveBack();
      throw error;
    });
    const session = right && found ? await open(found, device) : undefined;
    if (found === undefined || session === undefined) return BAD_LOGIN;
    await Promise.all([giveBack(), guard.remember(found, origin)]);
    return session;
  }

  return async ({ username, password, deviceToken, ...rest }, origin) => {
    allHandled(rest);
    if (isTooLong(password)) return BAD_LOGIN;
    const found = await findByName(accounts, username);
    const name = comparableName(username);
    const tried = { name, found, origin, deviceToken: deviceToken ?? undefined };
    const admission = await guard.admit(tried);
    if (admission.waitS !== undefined) {
      recordTry('login.limited', tried, admission);
      return refuse(tried, password, admission.waitS);
    }
    const outcome = await attempt(tried, password, admission);
    recordTry(outcome.__typename === 'Session' ? 'login.ok' : 'login.failed', tried, admission);
    return outcome;
  };
}
