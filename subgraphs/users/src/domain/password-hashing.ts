// Passwords as argon2id hashes (RFC 9106) with OWASP's parameters: 19 MiB, two passes, one lane.
import { randomBytes } from 'node:crypto';
import type { Origin } from '@holdfast/platform/auth/security-events';
import { hash, verify } from '@node-rs/argon2';
import { countRefusedHash, observeHashing } from '../metrics.ts';
import { createSemaphore, type SemaphoreOptions, type Shares } from './semaphore.ts';

/** The default algorithm of the package is argon2id. Its enum of algorithms cannot be used with isolated modules. */
const PARAMETERS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

export interface PasswordHasher {
  /** The hash of a password in PHC string format. @throws {AppError} SERVICE_UNAVAILABLE when too many wait */
  hash(password: string, shares: Shares): Promise<string>;
  /**
   * Whether the hash is of this password. Without a hash it returns false after the same time as with one.
   * @throws {AppError} SERVICE_UNAVAILABLE when too many wait
   */
  matches(password: string, passwordHash: string | undefined, shares: Shares): Promise<boolean>;
}

/** The shares of the queue that a request uses. @param account the id of the account, or the name that was tried */
export const sharesOf = ({ address }: Origin, account?: string | number): Shares => [
  ...(address === undefined ? [] : [`address ${address}`]),
  ...(account === undefined ? [] : [`account ${account}`]),
];

/**
 * A password in the form for counting, hashing and comparing: NFC (RFC 8265), so that it makes no difference whether a keyboard sends
 * `é` as one code point or as two.
 */
export const normalizePassword = (password: string): string => password.normalize('NFC');

/** A hasher that processes a limited number of passwords at the same time. */
export async function createPasswordHasher(bounds: SemaphoreOptions): Promise<PasswordHasher> {
  const semaphore = createSemaphore({ ...bounds, onRefused: countRefusedHash });
  observeHashing(semaphore);
  const { run } = semaphore;
  const hashPassword = (password: string): Promise<string> => hash(normalizePassword(password), PARAMETERS);
  const unknownHash = await hashPassword(randomBytes(32).toString('base64url'));
  return {
    hash: (password, shares) => run(shares, () => hashPassword(password)),
    matches: async (password, passwordHash, shares) => {
      const same = await run(shares, () => verify(passwordHash ?? unknownHash, normalizePassword(password)));
      return same && passwordHash !== undefined;
    },
  };
}
