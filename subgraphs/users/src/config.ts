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
    'How long an access token is valid, unless all of its account [are ended](security.md#ended-access-tokens).',
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
      'The server that takes mail: `smtps://USER:PASSWORD@HOST:465`, or `smtp:` with STARTTLS. Without it no mail is sent, and ' +
        'what needs mail answers `SERVICE_UNAVAILABLE`.',
    ),
  MAIL_FROM: z
    .string()
    .min(3)
    .default('Holdfast <no-reply@localhost>')
    .describe('The sender of mails. To be set where SMTP_URL is.'),
  PUBLIC_URL: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe("Where the shop's pages are, to which links in mails lead. The gateway has such pages."),
  MAIL_OUTBOX_DIR: z
    .string()
    .min(1)
    .optional()
    .describe(
      'A folder that takes mails in the place of SMTP_URL, and is shown at `/outbox`, for a developer. Refused unless HOST is an ' +
        'address of this machine alone.',
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
  KEYS_POLL_MS: milliseconds(5_000, 600_000, 50).describe('How often SIGNING_KEYS_FILE is looked at.'),
  SESSION_SECRET: secrets.describe(
    'Secrets of at least 32 characters, a comma between two. The first makes the next refresh token of a session, the tokens of ' +
      'mailed links, device tokens and the keys of known addresses and of counted logins. All of them know a [refresh that is ' +
      'sent again](api.md#retrying), links that are not sent yet, devices and addresses; counts are known by the first alone, so ' +
      '[another first secret](operations.md#how-to) begins them anew.',
  ),
  REFRESH_TOKEN_TTL_DAYS: count('days', 30, 1, 365).describe(
    'How long a refresh token is valid that is not used. Each use gives a new one.',
  ),
  SESSION_MAX_AGE_DAYS: count('days', 90, 1, 3_650).describe(
    'How long after its login a session ends, however often it is refreshed.',
  ),
  SESSION_SWEEP_MS: milliseconds(3_600_000, 86_400_000, 100).describe(
    'How often sessions that are over are deleted, and mailed tokens, counts of logins and addresses that are too old.',
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
  const errors = mailErrors(read, env);
  if (errors.length > 0) throw new ConfigError(`Settings cannot be used:\n  ${errors.join('\n  ')}`);
  const { KEY_LEAD_S: leadS, KEYS_POLL_MS: pollMs } = read;
  // All instances must have seen a new key, and all verifiers have asked one that has, before any of them signs with it.
  if (pollMs / 1_000 > leadS / 3) {
    throw new ConfigError(
      `Settings cannot be used:\n  KEYS_POLL_MS: a third of KEY_LEAD_S at most is expected, got ${pollMs} ms of ${leadS} s`,
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
  if (SMTP_URL !== undefined && !env['MAIL_FROM'])
    errors.push('MAIL_FROM: is required where SMTP_URL is set');
  if (PUBLIC_URL === undefined && (SMTP_URL ?? MAIL_OUTBOX_DIR) !== undefined)
    errors.push('PUBLIC_URL: is required where mail is sent');
  if (MAIL_OUTBOX_DIR === undefined) return errors;
  if (SMTP_URL !== undefined) errors.push('MAIL_OUTBOX_DIR: is for where there is no SMTP_URL');
  if (!LOOPBACK.has(HOST))
    errors.push(
      `MAIL_OUTBOX_DIR: shows mails to all who reach the service, so HOST has to be 127.0.0.1, got ${HOST}`,
    );
  return errors;
}

/** What decides when a key signs and ends. @throws {ConfigError} naming every setting that is malformed */
export function readKeyTimes(env: NodeJS.ProcessEnv): KeyTimes {
  const { KEY_LEAD_S: leadS, ACCESS_TOKEN_TTL_S: tokenTtlS } = readSettings(keyTimes, env);
  return { leadS, tokenTtlS };
}

/** What `promote` needs: the database, as the users service reaches it. @throws {ConfigError} when it is missing */
export const readPromoteSettings = (env: NodeJS.ProcessEnv): Readonly<{ DATABASE_URL: string }> =>
  readSettings({ DATABASE_URL: databaseSettings.DATABASE_URL }, env);
