// Changing a password, for a caller who knows the current one. It ends all sessions except one that the caller may keep.
import { allHandled, check, type InvalidInput } from '@holdfast/platform/validation';
import type { AccountStore } from '../data/accounts.ts';
import type { PasswordStore } from '../data/passwords.ts';
import type { ChangePasswordInput } from '../generated/graphql.ts';
import { countConflict } from '../metrics.ts';
import { type CallerAccount, callerAccount } from './accounts.ts';
import type { By, RecordEvent } from './by.ts';
import type { LoginGuard } from './login-guard.ts';
import { type PasswordHasher, sharesOf } from './password-hashing.ts';
import { isTooLong } from './password-rules.ts';
import type { PasswordStrength } from './password-strength.ts';
import { type InvalidCredentials, WRONG_PASSWORD } from './problems.ts';
import { refreshTokenHash } from './refresh-tokens.ts';
import { newPasswordRules } from './registration-rules.ts';

export interface PasswordChanged {
  readonly __typename: 'PasswordChanged';
  readonly user: CallerAccount;
}

/** Changes the password of the account `userId`. Of several concurrent calls with the same current password, one succeeds. */
export type ChangePassword = (
  input: ChangePasswordInput,
  userId: number,
  by: By,
) => Promise<PasswordChanged | InvalidCredentials | InvalidInput>;

export interface ChangePasswordDependencies {
  readonly accounts: AccountStore;
  readonly passwords: PasswordStore;
  readonly hasher: PasswordHasher;
  readonly guard: LoginGuard;
  readonly strength: PasswordStrength;
  readonly recordEvent: RecordEvent;
}

export function createChangePassword(dependencies: ChangePasswordDependencies): ChangePassword {
  const { accounts, passwords, hasher, guard, strength, recordEvent } = dependencies;
  return async ({ currentPassword, newPassword, refreshToken, ...rest }, userId, by) => {
    allHandled(rest);
    const found = await accounts.byId(userId);
    if (found === undefined || isTooLong(currentPassword)) return WRONG_PASSWORD;
    const { account, passwordHash: verifiedHash } = found;
    // The rules are checked before the hashing, because hashing is expensive.
    const shares = sharesOf(by.origin, userId);
    const weakness = await strength.findWeakness(newPassword, account, shares);
    const checked = check(newPasswordRules(weakness), { newPassword });
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
    recordEvent('password.changed', userId, by);
    return { __typename: 'PasswordChanged', user: callerAccount(changed) };
  };
}
