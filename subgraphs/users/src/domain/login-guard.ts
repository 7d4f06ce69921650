// Limits tries of passwords. An account has one budget for all strangers together, and one for each device and each address from which
// its user has logged in before, so failed tries of strangers do not hold up the owner. At most 50 tries of a budget fail in an hour
// (`OPEN`; OWASP ASVS 4.0.3, 2.2.1 requires at most 100 for an account). Tries with an undisclosed outcome are extra: 5 an hour for
// each address and account (`UNTOLD`).
import { createHmac } from 'node:crypto';
import type { Origin } from '@holdfast/platform/auth/security-events';
import { AppError } from '@holdfast/platform/errors';
import type { AccountWithHash } from '../data/accounts.ts';
import type { KnownAddressStore } from '../data/known-addresses.ts';
import type { Budget, LoginTryStore } from '../data/login-tries.ts';
import type { DeviceTokens } from './device-tokens.ts';

/** The origin of a try: a device or an address that has logged in to the account before, or a stranger. */
export type TriedBy = 'device' | 'address' | 'stranger';

/** A try at the password of an account, or of a name that has none. */
export interface Try {
  /** The name in the form in which it is looked up. */
  readonly name: string;
  readonly found: AccountWithHash | undefined;
  readonly origin: Origin;
  readonly deviceToken: string | undefined;
}

export interface Admission {
  readonly by: TriedBy;
  /** The id of the device in the device token. */
  readonly device: string | undefined;
  /** Undefined when the try is allowed; otherwise the seconds until the next try is allowed. */
  readonly waitS: number | undefined;
  /** Removes the try from the count, because no password was tried or the password was right. */
  giveBack(): Promise<void>;
}

export interface LoginGuard {
  /** Counts a try as failed, unless it is given back. */
  admit(tried: Try): Promise<Admission>;
  /**
   * The result of `isRight`, in a try whose outcome the client does not learn. A few such tries an hour are allowed for each address
   * and account; after that it returns false. A try that throws is not counted.
   */
  tryUntold(tried: Try, isRight: () => Promise<boolean>): Promise<boolean>;
  /**
   * The result of `isRight` for the current password, which a signed-in caller gave. Such tries have their own budget, so that with a
   * stolen access token an attacker cannot guess faster than by logging in, and cannot hold up logins.
   * @throws {AppError} RATE_LIMITED when too many tries have failed
   */
  checkCurrent(userId: number, isRight: () => Promise<boolean>): Promise<boolean>;
  /** Remembers the address of `origin` until the account's password changes. */
  remember(account: AccountWithHash, origin: Origin): Promise<void>;
}

/** 20 tries at once, then one after 1, 2, 4 s and so on up to 150 s: 8 tries in 255 s and 22 in the rest of the hour, 50 in total. */
const OPEN = { free: 20, firstWaitS: 1, maxWaitS: 150 };
const UNTOLD = { free: 5, firstWaitS: 3_600, maxWaitS: 3_600 };

export interface LoginGuardDependencies {
  readonly tries: LoginTryStore;
  readonly known: KnownAddressStore;
  readonly deviceTokens: DeviceTokens;
  /** The first computes new hashes; all recognise an address. */
  readonly secrets: readonly [string, ...string[]];
}

/** An id that no account has. With it, an unknown name needs the same statements as a known one. */
const NO_ACCOUNT: AccountWithHash['account']['id'] = 0;

export function createLoginGuard({
  tries,
  known,
  deviceTokens,
  secrets,
}: LoginGuardDependencies): LoginGuard {
  const hashOf = (secret: string, ...what: readonly (string | number)[]): Buffer<ArrayBuffer> =>
    createHmac('sha256', secret).update(JSON.stringify(what)).digest();
  /** Tries with the username and with the e-mail address of an account are counted together. */
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

  async function identifyOrigin(tried: Try): Promise<{ by: TriedBy; device?: string; budget: Budget }> {
    const { found, deviceToken, origin } = tried;
    const device = found && deviceToken && (await deviceTokens.deviceOf(deviceToken, found));
    if (device) return { by: 'device', device, budget: budgetOf(tried, 'device', device) };
    if (origin.address !== undefined && (await knowsAddress(tried)))
      return { by: 'address', budget: budgetOf(tried, 'address', origin.address) };
    return { by: 'stranger', budget: budgetOf(tried) };
  }

  return {
    async admit(tried) {
      const { by, device, budget } = await identifyOrigin(tried);
      const isAllowed = await tries.reserve(budget);
      return {
        by,
        device,
        waitS: isAllowed ? undefined : await tries.waitS(budget),
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
