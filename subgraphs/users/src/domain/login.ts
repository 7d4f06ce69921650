// Logging in with a password: a try is counted before it is made, and a session opened when it is right.

import type { Origin, SecurityEventName, SecurityLog } from '@holdfast/platform/auth/security-events';
import type { Logger } from '@holdfast/platform/observability/log';
import { allHandled } from '@holdfast/platform/validation';
import type { AccountRow, AccountStore, AccountWithHash } from '../data/accounts.ts';
import type { SessionLife, SessionStore } from '../data/sessions.ts';
import type { LoginInput } from '../generated/graphql.ts';
import type { IssueAccessToken } from './access-tokens.ts';
import { comparableName, findByName } from './accounts.ts';
import type { DeviceTokens } from './device-tokens.ts';
import type { Admission, LoginGuard, Try } from './login-guard.ts';
import { type PasswordHasher, sharesOf } from './password-hashing.ts';
import { isTooLong } from './password-rules.ts';
import { createRefreshToken } from './refresh-tokens.ts';
import {
  ACCOUNT_DISABLED,
  type AccountDisabled,
  type InvalidCredentials,
  invalidCredentials,
  type OpenSession,
  sessionOf,
} from './sessions.ts';

/** Too many tries have failed. Whether this one was right is not told. */
export interface LoginLimited {
  readonly __typename: 'LoginLimited';
  readonly code: 'LOGIN_LIMITED';
  readonly message: string;
  /** Seconds. */
  readonly retryAfter: number;
}

/** `username` may be the e-mail address; either in any case. */
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
  /** Mails the account a link that opens a session; undefined where no mail is sent. */
  readonly sendLoginLink: ((userId: AccountRow['id']) => Promise<unknown>) | undefined;
  readonly security: SecurityLog;
  readonly log: Logger;
}

/** Says nothing of what was wrong: that would tell which names have accounts. */
const BAD_LOGIN = invalidCredentials(
  'The username and password of an account are expected; these do not belong together.',
);

const LINK_SENT =
  ' If the password was right, a link to log in by is on its way to the address of the account.';

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
    security,
    log,
  } = dependencies;

  function note(name: SecurityEventName, { found, origin }: Try, { by, waitS }: Admission): void {
    const subject = found && `user ${found.account.id}`;
    const actor = name === 'login.ok' && found ? found.account : 'anonymous';
    security(name, { actor, subject, origin, details: { by, ...(waitS !== undefined && { waitS }) } });
  }

  const isRight = ({ found, name, origin }: Try, password: string): Promise<boolean> =>
    hasher.matches(password, found?.passwordHash, sharesOf(origin, found?.account.id ?? name));

  /** Undefined when the password was changed meanwhile. */
  async function open(
    owner: AccountWithHash,
    device: string | undefined,
  ): Promise<OpenSession | AccountDisabled | undefined> {
    const { token, hash } = createRefreshToken();
    const account = await sessions.open(owner.account.id, owner.passwordHash, hash, life);
    if (account === undefined) return undefined;
    if (account.disabledAt !== null) return ACCOUNT_DISABLED;
    const session = await sessionOf(issueAccessToken, account, token);
    return { ...session, deviceToken: await deviceTokens.issue(owner, device) };
  }

  /** The reply does not wait for the mail, or the time would tell that the password was right. */
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
    return {
      __typename: 'LoginLimited',
      code: 'LOGIN_LIMITED',
      message: `Too many tries to log in to this account have failed; try again in ${retryAfter} s.${sendLoginLink ? LINK_SENT : ''}`,
      retryAfter,
    };
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
      note('login.limited', tried, admission);
      return refuse(tried, password, admission.waitS);
    }
    const outcome = await attempt(tried, password, admission);
    note(outcome.__typename === 'Session' ? 'login.ok' : 'login.failed', tried, admission);
    return outcome;
  };
}
