// What the users service counts of its own.

import type { Origin } from '@holdfast/platform/auth/security-events';
import { AppError } from '@holdfast/platform/errors';
import {
  Counter,
  conflictCounter,
  labelledCounter,
  liveGauge,
  registry,
} from '@holdfast/platform/observability/metrics';
import type { Semaphore } from './domain/semaphore.ts';
import type { LoginResult } from './generated/graphql.ts';
import type { KeyRing } from './keys/key-ring.ts';

/** Counts a change of an account that came too late. */
export const countConflict = conflictCounter('user');

const showRunning = liveGauge('argon2_running', 'Passwords that are being hashed.');
const showWaiting = liveGauge('argon2_waiting', 'Passwords that wait to be hashed.');
const refused = new Counter({
  name: 'argon2_refused_total',
  help: 'Passwords that were not hashed because too many were waiting.',
  registers: [registry],
});
export const countRefusedHash = (): void => refused.inc();

/** Shows how busy `semaphore` is. */
export function observeHashing(semaphore: Semaphore): void {
  showRunning(() => semaphore.running);
  showWaiting(() => semaphore.waiting);
}

const OUTCOMES = {
  Session: 'ok',
  InvalidCredentials: 'bad_credentials',
  AccountDisabled: 'disabled',
  LoginLimited: 'limited',
} as const satisfies Record<NonNullable<LoginResult['__typename']>, string>;

const countLogin = labelledCounter({
  name: 'logins_total',
  help: 'Logins; limited: too many had failed; refused: too many passwords were waiting, or the time was over; error: the service could not tell.',
  label: 'outcome',
  values: [...Object.values(OUTCOMES), 'refused', 'error'],
});

/** The same login, be it by a password or by a link, with every call counted. */
export const countLogins =
  <Given, Result extends { readonly __typename: keyof typeof OUTCOMES }>(
    login: (given: Given, origin: Origin) => Promise<Result>,
  ) =>
  async (given: Given, origin: Origin): Promise<Result> => {
    try {
      const result = await login(given, origin);
      countLogin(OUTCOMES[result.__typename]);
      return result;
    } catch (error) {
      countLogin(error instanceof AppError ? 'refused' : 'error');
      throw error;
    }
  };

/** Counts what became of a mail; one that could not be sent now is tried again, and counted by its job. */
export const countMail = labelledCounter({
  name: 'mails_total',
  help: 'Mails; outdated: its token was used, expired or replaced before; refused: the server takes none for the address.',
  label: 'outcome',
  values: ['sent', 'outdated', 'refused'],
});

const showKeyAge = liveGauge(
  'signing_key_age_seconds',
  'Since the key that signs was made; left out when its file does not say.',
);
const showKeyCount = liveGauge('signing_keys', 'Keys that are published, the one that signs among them.');

/** Shows the keys in force. */
export function observeSigningKeys(keys: KeyRing): void {
  showKeyAge(() => {
    const { issuedAt } = keys.signer();
    return issuedAt === undefined ? undefined : Date.now() / 1_000 - issuedAt;
  });
  showKeyCount(() => keys.publicJwks().keys.length);
}
