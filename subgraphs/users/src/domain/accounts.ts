// Creating an account, and finding an account by name.
import type { Origin } from '@holdfast/platform/auth/security-events';
import { check, type InvalidInput, isStorable } from '@holdfast/platform/validation';
import type { AccountRow } from '../data/account-row.ts';
import type { AccountStore, AccountWithHash } from '../data/accounts.ts';
import type { NewToken } from '../data/token-mails.ts';
import type { AccountState, RegisterInput } from '../generated/graphql.ts';
import { type PasswordHasher, sharesOf } from './password-hashing.ts';
import type { PasswordStrength } from './password-strength.ts';
import { type EmailTaken, emailTaken, type UsernameTaken, usernameTaken } from './problems.ts';
import { normalizeEmail, registrationRules } from './registration-rules.ts';

/** An account as the schema's `User`. */
export interface Account extends AccountRow {
  /** The request has created the account or has proved its password, so it may see the whole account. */
  readonly isCaller?: true;
}

export type CallerAccount = Account & { readonly __typename: 'User'; readonly isCaller: true };

/** Creates an account, unless the input breaks a rule or another account has one of the names. */
export type Register = (
  input: RegisterInput,
  origin: Origin,
) => Promise<CallerAccount | UsernameTaken | EmailTaken | InvalidInput>;

export const callerAccount = (row: AccountRow): CallerAccount => ({
  ...row,
  __typename: 'User',
  isCaller: true,
});

export interface RegisterDependencies {
  readonly accounts: AccountStore;
  readonly hasher: PasswordHasher;
  readonly strength: PasswordStrength;
  /** The token for the link that verifies the address; undefined when no mail is sent. */
  readonly verification: () => NewToken | undefined;
}

export function createRegister({ accounts, hasher, strength, verification }: RegisterDependencies): Register {
  return async (input, origin) => {
    const shares = sharesOf(origin);
    // The strength is estimated only for an input that keeps all other rules, so that its size is limited.
    const wellFormed = check(registrationRules(undefined), input);
    if (!wellFormed.ok) return wellFormed.invalid;
    const weakness = await strength.findWeakness(input.password, wellFormed.value, shares);
    const checked = check(registrationRules(weakness), input);
    if (!checked.ok) return checked.invalid;
    const { password, ...account } = checked.value;
    const passwordHash = await hasher.hash(password, shares);
    const created = await accounts.create({ ...account, passwordHash }, verification());
    if (created === 'username') return usernameTaken(account.username);
    if (created === 'email') return emailTaken(account.email);
    return callerAccount(created);
  };
}

/** Longer than any username or address. */
const MAX_NAME = 254;

/**
 * A username or an e-mail address in the form for looking it up and counting its tries: all spellings that find one account have one
 * form. This function folds the case and not PostgreSQL, for which İ is an i.
 */
export function comparableName(name: string): string {
  const bounded = name.trim().slice(0, MAX_NAME + 1);
  return bounded.includes('@') ? normalizeEmail(bounded) : bounded.toLowerCase();
}

/** The account with that username or e-mail address, in any case, with its hash. */
export async function findByName(
  accounts: Pick<AccountStore, 'byEmail' | 'byUsername'>,
  name: string,
): Promise<AccountWithHash | undefined> {
  const comparable = comparableName(name);
  // PostgreSQL refuses U+0000 in a text. No name has it.
  if (!isStorable(comparable)) return undefined;
  return comparable.includes('@') ? accounts.byEmail(comparable) : accounts.byUsername(comparable);
}

/** By username or e-mail address; null when there is no such account. */
export type FindAccount = (name: string) => Promise<Account | null>;

export const createFindAccount =
  (accounts: Pick<AccountStore, 'byEmail' | 'byUsername'>): FindAccount =>
  async (name) =>
    (await findByName(accounts, name))?.account ?? null;

export const accountState = ({ disabledAt }: Pick<AccountRow, 'disabledAt'>): AccountState =>
  disabledAt === null ? 'ACTIVE' : 'DISABLED';
