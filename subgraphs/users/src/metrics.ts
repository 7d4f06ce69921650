// The metrics of the users service.

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

/** Counts a change of an account that was refused because its expected version or password was old. */
export const countConflict = conflictCounter('user');

const showRunning = liveGauge('argon2_running', 'Passwords that are hashed now.');
const showWaiting = liveGauge('argon2_waiting', 'Passwords that wait for hashing.');
const refused = new Counter({
  name: 'argon2_refused_total',
  help: 'Passwords that were refused because too many were waiting.',
  registers: [registry],
});
export const countRefusedHash = (): void => refused.inc();

/** Shows how much work runs and waits in `semaphore`. */
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
  help: 'Logins by outcome; limited: too many tries had failed; refused: too many passwords were waiting, or the deadline was over; error: the service failed.',
  label: 'outcome',
  values: [...Object.values(OUTCOMES), 'refused', 'error'],
});

/** Wraps a login, with a password or a link, and counts the outcome of each call. */
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

/** Counts the outcome of a mail. A mail that could not be sent now is retried; its job is counted. */
export const countMail = labelledCounter({
  name: 'mails_total',
  help: 'Mails by outcome; outdated: the token was used, expired or replaced; refused: the server refuses the address.',
  label: 'outcome',
  values: ['sent', 'outdated', 'refused'],
});

const showKeyAge = liveGauge(
  'signing_key_age_seconds',
  'Age of the key that signs; missing when the file does not have it.',
);
const showKeyCount = liveGauge('signing_keys', 'Published keys, including the key that signs.');

/** Shows the keys in force. */
export function observeSigningKeys(keys: KeyRing): void {
  showKeyAge(() => {
    const { issuedAt } = keys.signer();
    return issuedAt === undefined ? undefined : Date.now() / 1_000 - issuedAt;
  });
  showKeyCount(() => keys.publicJwks().keys.length);
}
