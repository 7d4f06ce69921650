// The settings of the users service; the only reader of the environment.
import { calledSettings, tokenSettings } from '@holdfast/platform/auth/settings';
import { commonSettings } from '@holdfast/platform/lifecycle/settings';
import { databaseSettings } from '@holdfast/platform/postgres/settings';
import { workerSettings } from '@holdfast/platform/queue/queue';
import { ConfigError, count, milliseconds, readSettings, secrets } from '@holdfast/platform/settings';
import { z } from 'zod';
import type { KeyTimes } from './keys/key-schedule.ts';

const keyTimes = {
  ACCESS_TOKEN_TTL_S: count('s', 900, 1, 3_600).describe(
    'How long an access token is valid, unless all tokens of its account [are ended](security.md#ended-access-tokens).',
  ),
  KEY_LEAD_S: count('s', 900, 3, 604_800).describe(
    'How long a new signing key is published before it signs: at least three times KEYS_POLL_MS.',
  ),
};

const mailSettings = {
  SMTP_URL: z
    .url({ protocol: /^smtps?$/ })
    .optional()
    .describe(
      'The SMTP server: `smtps://USER:PASSWORD@HOST:465`, or `smtp:` with STARTTLS. Without it no mail is sent, and operations ' +
        'that need mail return `SERVICE_UNAVAILABLE`.',
    ),
  MAIL_FROM: z
    .string()
    .min(3)
    .default('Holdfast <no-reply@localhost>')
    .describe('The sender of mails. Required if SMTP_URL is set.'),
  PUBLIC_URL: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe("The base URL of the shop's pages, to which links in mails lead. The gateway has such pages."),
  MAIL_OUTBOX_DIR: z
    .string()
    .min(1)
    .optional()
    .describe(
      'For developers: a folder that takes the mails in the place of SMTP_URL. The page `/outbox` shows them. Refused unless HOST is ' +
        'a loopback address.',
    ),
};

export const settings = {
  ...commonSettings,
  ...tokenSettings,
  ...calledSettings,
  ...databaseSettings,
  ...workerSettings,
  ...mailSettings,
  ...keyTimes,
  SIGNING_KEYS_FILE: z
    .string()
    .min(1)
    .describe('A JSON file with a private JWK set (RFC 7517). It may change while the service runs.'),
  KEYS_POLL_MS: milliseconds(5_000, 600_000, 50).describe('How often SIGNING_KEYS_FILE is read.'),
  SESSION_SECRET: secrets.describe(
    'Secrets of at least 32 characters, separated by commas. The first derives refresh tokens, tokens of mailed links, device tokens ' +
      'and the keys of known addresses and of counted logins. All secrets recognise a [refresh that is sent again](api.md#retrying), ' +
      'links that are not sent yet, devices and addresses. Only the first recognises counts, so [another first ' +
      'secret](operations.md#how-to) resets them.',
  ),
  REFRESH_TOKEN_TTL_DAYS: count('days', 30, 1, 365).describe(
    'How long an unused refresh token is valid. Each use gives a new token.',
  ),
  SESSION_MAX_AGE_DAYS: count('days', 90, 1, 3_650).describe(
    'How long after its login a session ends, even if it is refreshed.',
  ),
  SESSION_SWEEP_MS: milliseconds(3_600_000, 86_400_000, 100).describe(
    'How often ended sessions, expired mailed tokens, and old counts of logins and addresses are deleted.',
  ),
  ARGON2_CONCURRENCY: count('passwords', 2, 1, 64).describe(
    'How many passwords are hashed at the same time. Each takes a core and 19 MiB for about 20 ms.',
  ),
  ARGON2_QUEUE: count('passwords', 100, 0, 10_000).describe(
    'How many passwords may wait for hashing. A request beyond that gets `SERVICE_UNAVAILABLE`.',
  ),
};

export type UsersSettings = Readonly<z.infer<z.ZodObject<typeof settings>>>;

/** @throws {ConfigError} naming every setting that is missing or malformed */
export function readUsersSettings(env: NodeJS.ProcessEnv): UsersSettings {
  const read = readSettings(settings, env);
  const errors = mailErrors(read, env);
  if (errors.length > 0) throw new ConfigError(`Settings cannot be used:\n  ${errors.join('\n  ')}`);
  const { KEY_LEAD_S: leadS, KEYS_POLL_MS: pollMs } = read;
  // Before an instance signs with a new key, all instances must have read it, and all verifiers must have fetched it from one of them.
  if (pollMs / 1_000 > leadS / 3) {
    throw new ConfigError(
      `Settings cannot be used:\n  KEYS_POLL_MS: expected at most a third of KEY_LEAD_S (${leadS} s), got ${pollMs} ms`,
    );
  }
  return read;
}

const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost']);

function mailErrors(
  { SMTP_URL, PUBLIC_URL, MAIL_OUTBOX_DIR, HOST }: UsersSettings,
  env: NodeJS.ProcessEnv,
): string[] {
  const errors: string[] = [];
  if (SMTP_URL !== undefined && !env['MAIL_FROM']) errors.push('MAIL_FROM: is required when SMTP_URL is set');
  if (PUBLIC_URL === undefined && (SMTP_URL ?? MAIL_OUTBOX_DIR) !== undefined)
    errors.push('PUBLIC_URL: is required when mail is sent');
  if (MAIL_OUTBOX_DIR === undefined) return errors;
  if (SMTP_URL !== undefined) errors.push('MAIL_OUTBOX_DIR: must not be set together with SMTP_URL');
  if (!LOOPBACK.has(HOST))
    errors.push(
      `MAIL_OUTBOX_DIR: the page shows mails to every caller, so HOST must be 127.0.0.1, got ${HOST}`,
    );
  return errors;
}

/** The settings that decide when a key signs and ends. @throws {ConfigError} naming every setting that is malformed */
export function readKeyTimes(env: NodeJS.ProcessEnv): KeyTimes {
  const { KEY_LEAD_S: leadS, ACCESS_TOKEN_TTL_S: tokenTtlS } = readSettings(keyTimes, env);
  return { leadS, tokenTtlS };
}

/** The settings of `promote`: the database URL of the users service. @throws {ConfigError} when it is missing */
export const readPromoteSettings = (env: NodeJS.ProcessEnv): Readonly<{ DATABASE_URL: string }> =>
  readSettings({ DATABASE_URL: databaseSettings.DATABASE_URL }, env);
