// Changing a password: for the one who knows the current one. It locks all others out.
import { allHandled, check, type InvalidInput } from '@holdfast/platform/validation';
import type { AccountStore } from '../data/accounts.ts';
import type { PasswordStore } from '../data/passwords.ts';
import type { ChangePasswordInput } from '../generated/graphql.ts';
import { countConflict } from '../metrics.ts';
import { type OwnAccount, ownAccount } from './accounts.ts';
import type { By, NoteEvent } from './by.ts';
import type { LoginGuard } from './login-guard.ts';
import { type PasswordHasher, sharesOf } from './password-hashing.ts';
import { isTooLong } from './password-rules.ts';
import type { PasswordStrength } from './password-strength.ts';
import { refreshTokenHash } from './refresh-tokens.ts';
import { newPasswordRules } from './registration-rules.ts';
import { type InvalidCredentials, invalidCredentials } from './sessions.ts';

export interface PasswordChanged {
  readonly __typename: 'PasswordChanged';
  readonly user: OwnAccount;
}

/** Changes the password of the account `userId`; of those who race from the same password one is let through. */
export type ChangePassword = (
  userId: number,
  input: ChangePasswordInput,
  by: By,
) => Promise<PasswordChanged | InvalidCredentials | InvalidInput>;

export const WRONG_PASSWORD = invalidCredentials(
  'The current password of the account is expected; this is not it, or it has just been changed.',
);

export interface ChangePasswordDependencies {
  readonly accounts: AccountStore;
  readonly passwords: PasswordStore;
  readonly hasher: PasswordHasher;
  readonly guard: LoginGuard;
  readonly strength: PasswordStrength;
  readonly note: NoteEvent;
}

export function createChangePassword(dependencies: ChangePasswordDependencies): ChangePassword {
  const { accounts, passwords, hasher, guard, strength, note } = dependencies;
  return async (userId, { currentPassword, newPassword, refreshToken, ...rest }, by) => {
    allHandled(rest);
    const found = await accounts.byId(userId);
    if (found === undefined || isTooLong(currentPassword)) return WRONG_PASSWORD;
    const { account, passwordHash: verifiedHash } = found;
    // Before the hashing, which is the costly part.
    const shares = sharesOf(by.origin, userId);
    const guessable = await strength.errorOf(newPassword, account, shares);
    const checked = check(newPasswordRules(guessable), { newPassword });
    if (!checked.ok) return checked.invalid;
    const isRight = () => hasher.matches(currentPassword, verifiedHash, shares);
    if (!(await guard.checkCurrent(userId, isRight))) return WRONG_PASSWORD;
    const changed = await passwords.replace({
      userId,
      verifiedHash,
      nextHash: await hasher.hash(newPassword, shares),
      keptTokenHash: refreshTokenHash(refreshToken ?? ''),
    });
    if (changed === undefined) {
      countConflict();
      return WRONG_PASSWORD;
    }
    note('password.changed', userId, by);
    return { __typename: 'PasswordChanged', user: ownAccount(changed) };
  };
}
