// Who may try a password, and how often. An account has one budget for strangers, all of them together, and one for each
// device and address from which it was logged in to before: what strangers fail costs its owner nothing.
// At most 50 tries of a budget fail in an hour (OWASP ASVS 4.0.3, 2.2.1 asks for at most 100 of an account), see `OPEN`; tries
// whose outcome is not told are extra: 5 an hour for each address and account, see `UNTOLD`.
import { createHmac } from 'node:crypto';
import type { Origin } from '@holdfast/platform/auth/security-events';
import { AppError } from '@holdfast/platform/errors';
import type { AccountWithHash } from '../data/accounts.ts';
import type { KnownAddresses } from '../data/known-addresses.ts';
import type { Budget, LoginTries } from '../data/login-tries.ts';
import type { DeviceTokens } from './device-tokens.ts';

/** Who tries: a device or an address that has logged in to the account before, or a stranger to it. */
export type Caller = 'device' | 'address' | 'stranger';

/** A try at the password of an account, or of a name that has none. */
export interface Try {
  /** The name in the form in which it was looked up. */
  readonly name: string;
  readonly found: AccountWithHash | undefined;
  readonly origin: Origin;
  readonly deviceToken: string | undefined;
}

export interface Admission {
  readonly by: Caller;
  /** The id of the device that was shown. */
  readonly device: string | undefined;
  /** Undefined when the try may be made and its outcome told; otherwise the seconds until one may. */
  readonly waitS: number | undefined;
  /** Takes the try back: nothing was tried, or it was right. */
  giveBack(): Promise<void>;
}

export interface LoginGuard {
  /** Counts a try. What is not given back has failed. */
  admit(tried: Try): Promise<Admission>;
  /**
   * Whether `isRight` says so, in a try whose outcome is not told: a few an hour for each address and account, and false when
   * those are used up. A try that could not be made is not counted.
   */
  tryUntold(tried: Try, isRight: () => Promise<boolean>): Promise<boolean>;
  /**
   * Whether `isRight` says so of the current password, given by a caller who is signed in to the account. Such tries have a
   * budget of their own, so that a stolen access token guesses no faster than a login, and holds up none.
   * @throws {AppError} RATE_LIMITED when too many have failed
   */
  checkCurrent(userId: number, isRight: () => Promise<boolean>): Promise<boolean>;
  /** Knows the address of `origin` from now on, until the account's password changes. */
  remember(account: AccountWithHash, origin: Origin): Promise<void>;
}

/** 20 at once, then after 1, 2, 4 s and so on up to 150 s: 8 tries in 255 s and 22 in the rest of the hour, 50 in all. */
const OPEN = { free: 20, firstWaitS: 1, maxWaitS: 150 };
const UNTOLD = { free: 5, firstWaitS: 3_600, maxWaitS: 3_600 };

export interface LoginGuardDependencies {
  readonly tries: LoginTries;
  readonly known: KnownAddresses;
  readonly deviceTokens: DeviceTokens;
  /** The first makes hashes, all of them know an address again. */
  readonly secrets: readonly [string, ...string[]];
}

/** No account has it, so that an unknown name costs the same statements. */
const NO_ACCOUNT: AccountWithHash['account']['id'] = 0;

export function createLoginGuard({
  tries,
  known,
  deviceTokens,
  secrets,
}: LoginGuardDependencies): LoginGuard {
  const hashOf = (secret: string, ...what: readonly (string | number)[]): Buffer<ArrayBuffer> =>
    createHmac('sha256', secret).update(JSON.stringify(what)).digest();
  /** Tries by the username and by the e-mail address of an account are counted together. */
  const subjectOf = ({ found, name }: Try): string | number => found?.account.id ?? name;
  const addressHash = (secret: string, account: AccountWithHash | undefined, address: string): Buffer =>
    hashOf(secret, 'address', account?.account.id ?? NO_ACCOUNT, account?.passwordHash ?? '', address);

  async function knowsAddress({ found, origin: { address } }: Try): Promise<boolean> {
    if (address === undefined) return false;
    const hashes = secrets.map((secret) => addressHash(secret, found, address));
    return known.knows(found?.account.id ?? NO_ACCOUNT, hashes);
  }

  const budgetOf = (tried: Try, ...whose: readonly string[]): Budget => ({
    key: hashOf(secrets[0], 'tries', subjectOf(tried), ...whose),
    ...OPEN,
  });

  async function callerOf(tried: Try): Promise<{ by: Caller; device?: string; budget: Budget }> {
    const { found, deviceToken, origin } = tried;
    const device = found && deviceToken && (await deviceTokens.deviceOf(deviceToken, found));
    if (device) return { by: 'device', device, budget: budgetOf(tried, 'device', device) };
    if (origin.address !== undefined && (await knowsAddress(tried)))
      return { by: 'address', budget: budgetOf(tried, 'address', origin.address) };
    return { by: 'stranger', budget: budgetOf(tried) };
  }

  return {
    async admit(tried) {
      const { by, device, budget } = await callerOf(tried);
      const isLet = await tries.reserve(budget);
      return {
        by,
        device,
        waitS: isLet ? undefined : await tries.waitS(budget),
        giveBack: () => tries.giveBack(budget.key),
      };
    },

    async tryUntold(tried, isRight) {
      const key = hashOf(secrets[0], 'untold', subjectOf(tried), tried.origin.address ?? '');
      if (!(await tries.reserve({ key, ...UNTOLD }))) return false;
      return isRight().catch(async (error: unknown) => {
        await tries.giveBack(key);
        throw error;
      });
    },

    async checkCurrent(userId, isRight) {
      const budget = { key: hashOf(secrets[0], 'current password', userId), ...OPEN };
      if (!(await tries.reserve(budget))) {
        const retryAfter = await tries.waitS(budget);
        throw new AppError(
          'RATE_LIMITED',
          `Too many tries at the current password have failed; try again in ${retryAfter} s.`,
          { details: { retryAfter } },
        );
      }
      let hasFailed = false;
      try {
        hasFailed = !(await isRight());
        return !hasFailed;
      } finally {
        if (!hasFailed) await tries.giveBack(budget.key);
      }
    },

    async remember(account, { address }) {
      if (address !== undefined)
        await known.remember(account.account.id, addressHash(secrets[0], account, address));
    },
  };
}
