// The settings of the users service; the only reader of the environment.
import {
  ConfigError,
  calledSettings,
  commonSettings,
  count,
  databaseSettings,
  milliseconds,
  readSettings,
  secrets,
  tokenSettings,
} from '@holdfast/platform/config';
import { z } from 'zod';
import type { KeyTimes } from './domain/key-schedule.ts';

const keyTimes = {
  ACCESS_TOKEN_TTL_S: count('s', 900, 1, 3_600).describe(
    'How long an access token is valid, unless all of its account [are ended](security.md#ended-access-tokens).',
  ),
  KEY_LEAD_S: count('s', 900, 3, 604_800).describe(
    'How long a new signing key is published before it signs: at least three times KEYS_POLL_MS.',
  ),
};

export const settings = {
  ...commonSettings,
  ...tokenSettings,
  ...calledSettings,
  ...databaseSettings,
  ...keyTimes,
  SIGNING_KEYS_FILE: z
    .string()
    .min(1)
    .describe('A JSON file with a private JWK set (RFC 7517). It may change while the service runs.'),
  KEYS_POLL_MS: milliseconds(5_000, 600_000, 50).describe('How often SIGNING_KEYS_FILE is looked at.'),
  SESSION_SECRET: secrets.describe(
    'Secrets of at least 32 characters, a comma between two. The first derives the next refresh token of a session, all of ' +
      'them know a [refresh that is sent again](api.md#retrying).',
  ),
  REFRESH_TOKEN_TTL_DAYS: count('days', 30, 1, 365).describe(
    'How long a refresh token is valid that is not used. Each use gives a new one.',
  ),
  SESSION_SWEEP_MS: milliseconds(3_600_000, 86_400_000, 100).describe(
    'How often sessions that are over are deleted.',
  ),
  ARGON2_CONCURRENCY: count('passwords', 2, 1, 64).describe(
    'How many passwords are hashed at once. Each takes a core and 19 MiB for some 20 ms.',
  ),
  ARGON2_QUEUE: count('passwords', 100, 0, 10_000).describe(
    'How many passwords may wait to be hashed. A request past that gets `SERVICE_UNAVAILABLE`.',
  ),
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
