// Accounts: opening one, and finding one by a name.
import type { Origin } from '@holdfast/platform/auth/security-events';
import { came, check, type InvalidInput, isStorable } from '@holdfast/platform/validation';
import type { AccountRow, AccountStore, AccountWithHash } from '../data/accounts.ts';
import type { NewToken } from '../data/token-mails.ts';
import type { RegisterInput } from '../generated/graphql.ts';
import { type PasswordHasher, sharesOf } from './password-hashing.ts';
import type { PasswordStrength } from './password-strength.ts';
import { normalizeEmail, registrationRules } from './registration-rules.ts';

/** An account as the schema's `User`. */
export interface Account extends AccountRow {
  /** The request itself has proved that it comes from this account: by opening it, or by its password. */
  readonly isCaller?: true;
}

export type OwnAccount = Account & { readonly __typename: 'User'; readonly isCaller: true };

export interface UsernameTaken {
  readonly __typename: 'UsernameTaken';
  readonly code: 'USERNAME_TAKEN';
  readonly message: string;
}

export interface EmailTaken {
  readonly __typename: 'EmailTaken';
  readonly code: 'EMAIL_TAKEN';
  readonly message: string;
}

/** Opens an account, unless the input breaks a rule or one of the names is in use. */
export type Register = (
  input: RegisterInput,
  origin: Origin,
) => Promise<OwnAccount | UsernameTaken | EmailTaken | InvalidInput>;

export const ownAccount = (row: AccountRow): OwnAccount => ({ ...row, __typename: 'User', isCaller: true });

const usernameTaken = (username: string): UsernameTaken => ({
  __typename: 'UsernameTaken',
  code: 'USERNAME_TAKEN',
  message: `Another username is expected: ${came(username)} is taken.`,
});

export const emailTaken = (email: string): EmailTaken => ({
  __typename: 'EmailTaken',
  code: 'EMAIL_TAKEN',
  message: `Another e-mail address is expected: ${came(email)} has an account.`,
});

export interface RegisterDependencies {
  readonly accounts: AccountStore;
  readonly hasher: PasswordHasher;
  readonly strength: PasswordStrength;
  /** The token of the mail that verifies the address; undefined when no mail is sent. */
  readonly verification: () => NewToken | undefined;
}

export function createRegister({ accounts, hasher, strength, verification }: RegisterDependencies): Register {
  return async (input, origin) => {
    const shares = sharesOf(origin);
    // What is estimated has passed all other rules, so that its size is bounded.
    const wellFormed = check(registrationRules(undefined), input);
    if (!wellFormed.ok) return wellFormed.invalid;
    const guessable = await strength.errorOf(input.password, wellFormed.value, shares);
    const checked = check(registrationRules(guessable), input);
    if (!checked.ok) return checked.invalid;
    const { password, ...account } = checked.value;
    const passwordHash = await hasher.hash(password, shares);
    const created = await accounts.create({ ...account, passwordHash }, verification());
    if (created === 'username') return usernameTaken(account.username);
    if (created === 'email') return emailTaken(account.email);
    return ownAccount(created);
  };
}

/** Longer than any username or address. */
const MAX_NAME = 254;

/**
 * A username or an e-mail address in the form in which it is looked up, and its tries are counted: all spellings that find one
 * account are one name. The name folds here and not in PostgreSQL, to which İ is an i.
 */
export function comparableName(name: string): string {
  const bounded = name.trim().slice(0, MAX_NAME + 1);
  return bounded.includes('@') ? normalizeEmail(bounded) : bounded.toLowerCase();
}

/** The account with that username or e-mail address, in any case. */
export async function findByName(
  accounts: Pick<AccountStore, 'byEmail' | 'byUsername'>,
  name: string,
): Promise<AccountWithHash | undefined> {
  const comparable = comparableName(name);
  // PostgreSQL refuses U+0000 in a text; no name has one.
  if (!isStorable(comparable)) return undefined;
  return comparable.includes('@') ? accounts.byEmail(comparable) : accounts.byUsername(comparable);
}
