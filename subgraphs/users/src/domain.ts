// Wires the stores of data/ into the functions of domain/, which are all that the resolvers call.
import type { SecurityLog } from '@holdfast/platform/auth/security-events';
import type { Logger } from '@holdfast/platform/observability/log';
import type pg from 'pg';
import type { UsersSettings } from './config.ts';
import { createAccountStore } from './data/accounts.ts';
import { type AuditEventRow, createAuditEventStore } from './data/audit-events.ts';
import { createEmailStepStore } from './data/email-steps.ts';
import { createEmailTokenStore } from './data/email-tokens.ts';
import { createKnownAddressStore } from './data/known-addresses.ts';
import { createLoginTryStore } from './data/login-tries.ts';
import { createPasswordStore } from './data/passwords.ts';
import { createSessionStore } from './data/sessions.ts';
import { createStaffActionStore } from './data/staff-actions.ts';
import { createAccessTokenIssuer } from './domain/access-tokens.ts';
import {
  type Account,
  createFindAccount,
  createRegister,
  type FindAccount,
  type Register,
} from './domain/accounts.ts';
import { type Administration, createAdministration } from './domain/administration.ts';
import { createRecordEvent } from './domain/by.ts';
import { type ChangePassword, createChangePassword } from './domain/change-password.ts';
import { type ConfirmLogin, createConfirmLogin } from './domain/confirm-login.ts';
import { createDeviceTokens } from './domain/device-tokens.ts';
import { createEmailSteps, type EmailSteps } from './domain/email-steps.ts';
import type { EmailTokens } from './domain/email-tokens.ts';
import { createLists, type Lists } from './domain/lists.ts';
import { createLogin, type Login } from './domain/login.ts';
import { createLoginGuard } from './domain/login-guard.ts';
import { createPasswordHasher } from './domain/password-hashing.ts';
import type { PasswordStrength } from './domain/password-strength.ts';
import { createSuccessors } from './domain/refresh-tokens.ts';
import { createSessions, type Sessions } from './domain/sessions.ts';
import type { KeyRing } from './keys/key-ring.ts';
import { countLogins } from './metrics.ts';

export type { Account, AuditEventRow };

/** Lives as long as the service. */
export interface Domain extends Administration, Lists, Sessions, Omit<EmailSteps, 'mailLoginLink'> {
  readonly register: Register;
  readonly login: Login;
  readonly confirmLogin: ConfirmLogin;
  readonly changePassword: ChangePassword;
  readonly findAccount: FindAccount;
  /** Accounts in the order of `ids`, null where there is none. */
  readonly readAccounts: (ids: readonly number[]) => Promise<(Account | null)[]>;
}

export interface DomainParts {
  readonly settings: UsersSettings;
  readonly writes: pg.Pool;
  readonly reads: pg.Pool;
  readonly keys: KeyRing;
  readonly emailTokens: EmailTokens;
  readonly strength: PasswordStrength;
  /** Whether the service sends mail. */
  readonly sendsMail: boolean;
  readonly record: SecurityLog;
  readonly log: Logger;
}

export async function createDomain(parts: DomainParts): Promise<Domain> {
  const { settings, writes, reads, keys, emailTokens, strength, sendsMail, record, log } = parts;
  const { SESSION_SECRET: secrets } = settings;
  const accounts = createAccountStore(writes, reads);
  const hasher = await createPasswordHasher({
    concurrency: settings.ARGON2_CONCURRENCY,
    maxWaiting: settings.ARGON2_QUEUE,
  });
  const deviceTokens = createDeviceTokens(secrets);
  const guard = createLoginGuard({
    tries: createLoginTryStore(writes),
    known: createKnownAddressStore(writes),
    deviceTokens,
    secrets,
  });
  const opening = {
    sessions: createSessionStore(writes),
    issueAccessToken: createAccessTokenIssuer({
      signer: keys.signer,
      issuer: settings.JWT_ISSUER,
      audience: settings.JWT_AUDIENCE,
      ttlSeconds: settings.ACCESS_TOKEN_TTL_S,
    }),
    life: { ttlDays: settings.REFRESH_TOKEN_TTL_DAYS, maxAgeDays: settings.SESSION_MAX_AGE_DAYS },
    guard,
    deviceTokens,
    record,
  };
  const changing = { accounts, hasher, guard, strength, recordEvent: createRecordEvent(record) };
  const { mailLoginLink, ...emailSteps } = createEmailSteps({
    ...changing,
    tokens: createEmailTokenStore(writes),
    steps: createEmailStepStore(writes),
    emailTokens,
    sendsMail,
  });
  const sendLoginLink = sendsMail ? mailLoginLink : undefined;
  return {
    ...emailSteps,
    ...createSessions({ ...opening, successorsOf: createSuccessors(secrets) }),
    ...createAdministration({ actions: createStaffActionStore(writes), record }),
    ...createLists({ accounts, auditEvents: createAuditEventStore(reads) }),
    register: createRegister({
      accounts,
      hasher,
      strength,
      verification: () => (sendsMail ? emailTokens.sow() : undefined),
    }),
    login: countLogins(createLogin({ ...opening, accounts, hasher, sendLoginLink, log })),
    confirmLogin: countLogins(createConfirmLogin(opening)),
    changePassword: createChangePassword({ ...changing, passwords: createPasswordStore(writes) }),
    findAccount: createFindAccount(accounts),
    readAccounts: accounts.byIds,
  };
}
