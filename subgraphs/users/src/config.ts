// The settings of the users service; the only reader of the environment.
import {
  ConfigError,
  commonSettings,
  databaseSettings,
  readSettings,
  serviceTokenSettings,
  tokenSettings,
} from '@holdfast/platform/config';
import { z } from 'zod';
import type { KeyTimes } from './domain/key-schedule.ts';

const keyTimes = {
  ACCESS_TOKEN_TTL_S: z.coerce.number().int().min(1).max(3_600).default(900),
  /** How long a new signing key is published before it signs. */
  KEY_LEAD_S: z.coerce.number().int().min(3).max(604_800).default(900),
};

export const settings = {
  ...commonSettings,
  ...tokenSettings,
  ...serviceTokenSettings,
  ...databaseSettings,
  ...keyTimes,
  /** A JSON file with a private JWK set (RFC 7517), which may change while the service runs. */
  SIGNING_KEYS_FILE: z.string().min(1),
  /** How often it is looked at, ms. */
  KEYS_POLL_MS: z.coerce.number().int().min(50).max(600_000).default(5_000),
  REFRESH_TOKEN_TTL_DAYS: z.coerce.number().int().min(1).max(365).default(30),
  /** How often old sessions are deleted, ms. */
  SESSION_SWEEP_MS: z.coerce.number().int().min(100).max(86_400_000).default(3_600_000),
  /** How many passwords are hashed at once: each costs a core and 19 MiB for some 20 ms. */
  ARGON2_CONCURRENCY: z.coerce.number().int().min(1).max(64).default(2),
  /** How many may wait for that; whoever comes after them is told to try again. */
  ARGON2_QUEUE: z.coerce.number().int().min(0).max(10_000).default(100),
};

export type UsersSettings = Readonly<z.infer<z.ZodObject<typeof settings>>>;

/** @throws {ConfigError} naming every setting that is missing or malformed */
export function readUsersSettings(env: NodeJS.ProcessEnv): UsersSettings {
  const read = readSettings(settings, env);
  const { KEY_LEAD_S: leadS, KEYS_POLL_MS: pollMs } = read;
  // All instances must have seen a new key, and all verifiers have asked one that has, before any of them signs with it.
  if (pollMs / 1_000 > leadS / 3) {
    throw new ConfigError(
      `Settings cannot be used:\n  KEYS_POLL_MS: a third of KEY_LEAD_S at most is expected, got ${pollMs} ms of ${leadS} s`,
    );
  }
  return read;
}

/** What decides when a key signs and ends. @throws {ConfigError} naming every setting that is malformed */
export function readKeyTimes(env: NodeJS.ProcessEnv): KeyTimes {
  const { KEY_LEAD_S: leadS, ACCESS_TOKEN_TTL_S: tokenTtlS } = readSettings(keyTimes, env);
  return { leadS, tokenTtlS };
}

/** What `promote` needs: the database, as the users service reaches it. @throws {ConfigError} when it is missing */
export const readPromoteSettings = (env: NodeJS.ProcessEnv): Readonly<{ DATABASE_URL: string }> =>
  readSettings({ DATABASE_URL: databaseSettings.DATABASE_URL }, env);
