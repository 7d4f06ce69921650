// What mailed links do: reset a password, verify or change an address, confirm a login.

import type { Origin } from '@holdfast/platform/auth/security-events';
import { AppError, badInput } from '@holdfast/platform/errors';
import { allHandled, check, type InvalidInput } from '@holdfast/platform/validation';
import type { AccountStore } from '../data/accounts.ts';
import type { EmailStepStore } from '../data/email-steps.ts';
import type { EmailTokenStore, WantedToken } from '../data/email-tokens.ts';
import type { ChangeEmailInput, ResetPasswordInput } from '../generated/graphql.ts';
import { type CallerAccount, callerAccount } from './accounts.ts';
import type { By, RecordEvent } from './by.ts';
import type { PasswordChanged } from './change-password.ts';
import { type EmailTokens, emailTokenHash } from './email-tokens.ts';
import type { LoginGuard } from './login-guard.ts';
import { type PasswordHasher, sharesOf } from './password-hashing.ts';
import { isTooLong } from './password-rules.ts';
import type { PasswordStrength } from './password-strength.ts';
import {
  BAD_LINK,
  type EmailTaken,
  emailTaken,
  type InvalidCredentials,
  WRONG_PASSWORD,
} from './problems.ts';
import { emailRule, newEmailRules, newPasswordRules } from './registration-rules.ts';

export interface EmailVerified {
  readonly __typename: 'EmailVerified';
  readonly user: CallerAccount;
}

export interface EmailChangeRequested {
  readonly __typename: 'EmailChangeRequested';
  readonly newEmail: string;
}

export interface EmailSteps {
  /** @throws {AppError} SERVICE_UNAVAILABLE when no mail is sent; BAD_USER_INPUT when the text is no address */
  requestPasswordReset(email: string): Promise<true>;
  resetPassword(
    input: ResetPasswordInput,
    by: By,
  ): Promise<PasswordChanged | InvalidCredentials | InvalidInput>;
  /**
   * False when the address is already verified.
   * @throws {AppError} SERVICE_UNAVAILABLE when no mail is sent; RATE_LIMITED
   */
  requestEmailVerification(userId: number): Promise<boolean>;
  verifyEmail(token: string, by: By): Promise<EmailVerified | InvalidCredentials | EmailTaken>;
  /** @throws {AppError} SERVICE_UNAVAILABLE when no mail is sent; RATE_LIMITED, also after too many wrong current passwords */
  changeEmail(
    input: ChangeEmailInput,
    userId: number,
    origin: Origin,
  ): Promise<EmailChangeRequested | InvalidCredentials | InvalidInput>;
  /** Mails the account a link that opens a session. False when no mail is sent, or when too many mails were sent. */
  mailLoginLink(userId: number): Promise<boolean>;
}

export interface EmailStepDependencies {
  readonly accounts: AccountStore;
  readonly tokens: EmailTokenStore;
  readonly steps: EmailStepStore;
  readonly emailTokens: EmailTokens;
  readonly hasher: PasswordHasher;
  readonly guard: LoginGuard;
  readonly strength: PasswordStrength;
  /** Whether mail is sent. */
  readonly sendsMail: boolean;
  readonly recordEvent: RecordEvent;
}

const WINDOW_S = 3_600;

export function createEmailSteps(dependencies: EmailStepDependencies): EmailSteps {
  const { accounts, tokens, steps, emailTokens, hasher, guard, strength, sendsMail, recordEvent } =
    dependencies;

  const requireMail = (): void => {
    if (!sendsMail) throw new AppError('SERVICE_UNAVAILABLE', 'This needs mail, and this shop sends none.');
  };

  const make = (wanted: WantedToken) => tokens.make(wanted, emailTokens.sow());

  /** Mails a token. False when the account does not exist or its password has changed. */
  async function mail(wanted: WantedToken): Promise<boolean> {
    const making = await make(wanted);
    if (making !== 'too many') return making === 'mailed';
    throw new AppError('RATE_LIMITED', 'At most 5 such mails are sent in an hour; try again later.', {
      details: { retryAfter: WINDOW_S },
    });
  }

  return {
    async requestPasswordReset(given) {
      requireMail();
      const email = emailRule.safeParse(given);
      if (!email.success) throw badInput('email', email.error.issues[0]?.message ?? 'expected an address');
      await tokens.askForReset(email.data);
      return true;
    },

    async resetPassword({ token, newPassword, ...rest }, by) {
      allHandled(rest);
      const presented = emailTokenHash(token);
      // The token is checked before the hashing, because hashing is expensive. The statement that uses up the token checks it again.
      const names = presented && (await tokens.ownerOf(presented, 'RESET_PASSWORD'));
      if (presented === undefined || names === undefined) return BAD_LINK;
      const weakness = await strength.findWeakness(newPassword, names, sharesOf(by.origin));
      const checked = check(newPasswordRules(weakness), { newPassword });
      if (!checked.ok) return checked.invalid;
      const account = await steps.reset(presented, await hasher.hash(newPassword, sharesOf(by.origin)));
      if (account === undefined) return BAD_LINK;
      recordEvent('password.reset', account.id, by);
      return { __typename: 'PasswordChanged', user: callerAccount(account) };
    },

    async requestEmailVerification(userId) {
      requireMail();
      const found = await accounts.byId(userId);
      if (found === undefined || found.account.emailVerifiedAt !== null) return false;
      return mail({ userId, purpose: 'VERIFY_EMAIL' });
    },

    async verifyEmail(token, by) {
      const presented = emailTokenHash(token);
      const outcome = presented && (await steps.verify(presented));
      if (outcome === undefined) return BAD_LINK;
      if (outcome.kind === 'taken') return emailTaken(outcome.email);
      recordEvent(outcome.kind === 'changed' ? 'email.changed' : 'email.verified', outcome.account.id, by);
      return { __typename: 'EmailVerified', user: callerAccount(outcome.account) };
    },

    async changeEmail({ newEmail: given, currentPassword, ...rest }, userId, origin) {
      allHandled(rest);
      requireMail();
      const checked = check(newEmailRules, { newEmail: given });
      if (!checked.ok) return checked.invalid;
      const { newEmail } = checked.value;
      const found = await accounts.byId(userId);
      if (found === undefined || isTooLong(currentPassword)) return WRONG_PASSWORD;
      const shares = sharesOf(origin, userId);
      const { passwordHash: verifiedHash } = found;
      const isRight = () => hasher.matches(currentPassword, verifiedHash, shares);
      if (!(await guard.checkCurrent(userId, isRight))) return WRONG_PASSWORD;
      const isMailed = await mail({ userId, purpose: 'CHANGE_EMAIL', email: newEmail, verifiedHash });
      return !isMailed ? WRONG_PASSWORD : { __typename: 'EmailChangeRequested', newEmail };
    },

    mailLoginLink: async (userId) =>
      sendsMail && (await make({ userId, purpose: 'CONFIRM_LOGIN' })) === 'mailed',
  };
}
