// The settings of the users service; the only reader of the environment.
import { commonSettings, databaseSettings, readSettings, tokenSettings } from '@holdfast/platform/config';
import { z } from 'zod';

export const settings = {
  ...commonSettings,
  ...tokenSettings,
  ...databaseSettings,
  /** A JSON file with a private JWK set (RFC 7517); its first key signs. */
  SIGNING_KEYS_FILE: z.string().min(1),
  ACCESS_TOKEN_TTL_S: z.coerce.number().int().min(1).max(3_600).default(900),
  REFRESH_TOKEN_TTL_DAYS: z.coerce.number().int().min(1).max(365).default(30),
  /** How many passwords are hashed at once: each costs a core and 19 MiB for some 20 ms. */
  ARGON2_CONCURRENCY: z.coerce.number().int().min(1).max(64).default(2),
  /** How many may wait for that; whoever comes after them is told to try again. */
  ARGON2_QUEUE: z.coerce.number().int().min(0).max(10_000).default(100),
};

export type UsersSettings = Readonly<z.infer<z.ZodObject<typeof settings>>>;

/** @throws {ConfigError} naming every setting that is missing or malformed */
export const readUsersSettings = (env: NodeJS.ProcessEnv): UsersSettings => readSettings(settings, env);
