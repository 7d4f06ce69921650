// The signing keys at work: follows their file without a restart, and goes from key to key by the clock.

import type { Logger } from '@holdfast/platform/observability/log';
import { repeat } from '@holdfast/platform/repeat';
import { ConfigError } from '@holdfast/platform/settings';
import { type CryptoKey, createLocalJWKSet, type JWTVerifyGetKey } from 'jose';
import { type KeyTimes, liveKeys, type ScheduledKey, scheduleKeys, signerAt } from './key-schedule.ts';
import { type PublicKey, parseSigningKeys, readSigningKeyFile, type SigningKey } from './signing-keys.ts';

export interface Signer {
  readonly kid: string;
  readonly key: CryptoKey;
  /** When it was made, seconds since the epoch; undefined where the file does not say. */
  readonly issuedAt: number | undefined;
}

/** What signs, what is published and what verifies come of the same keys at every moment. */
export interface KeyRing {
  /** The key to sign with now. */
  signer(): Signer;
  /** What to publish now (RFC 7517). */
  publicJwks(): { readonly keys: readonly PublicKey[] };
  /** Finds the key of a token, as verifiers elsewhere do in what is published. */
  readonly verifierKeys: JWTVerifyGetKey;
  /** Follows the file no longer. */
  close(): Promise<void>;
}

export interface KeyRingOptions {
  readonly path: string;
  readonly times: KeyTimes;
  /** How often the file is read, ms. By content: where it is mounted by Kubernetes, a symbolic link is what changes. */
  readonly pollMs: number;
  readonly log: Logger;
  /** Told the ids of all keys in force, oldest first, when the file gives others than before. */
  readonly onRotation: (kids: readonly string[]) => void;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

type Schedule = readonly ScheduledKey<SigningKey>[];

/** Opens the file. @throws {ConfigError} when it cannot be used; later on the keys before stay in force instead */
export async function openKeyRing(options: KeyRingOptions): Promise<KeyRing> {
  const { path, times, pollMs, log, onRotation, now = Date.now } = options;
  let seen = await readSigningKeyFile(path);
  let schedule: Schedule = scheduleKeys(await parseSigningKeys(path, seen), times);
  let verifiers = verifiersOf(schedule, now());

  const current = (): typeof verifiers => {
    if (now() >= verifiers.until) verifiers = verifiersOf(schedule, now());
    return verifiers;
  };
  async function look(): Promise<void> {
    const text = await readSigningKeyFile(path);
    if (text !== seen) {
      schedule = scheduleKeys(await parseSigningKeys(path, text), times);
      seen = text;
      verifiers = verifiersOf(schedule, now());
      onRotation(verifiers.published.map(({ kid }) => kid));
    }
    lastError = undefined;
  }
  let lastError: string | undefined;
  const looking = repeat(look, {
    everyMs: pollMs,
    firstAfterMs: pollMs,
    onError: (error) => {
      const reason = error instanceof ConfigError ? error.message : 'an unknown error';
      // One line for each reason, not one for each look.
      if (reason !== lastError)
        log.error({ reason }, 'the signing keys cannot be used; those before stay in force');
      lastError = reason;
    },
  });

  return {
    signer: () => {
      const signer = signerAt(schedule, now());
      if (signer === undefined) throw new Error('there is no signing key');
      return { kid: signer.published.kid, key: signer.key, issuedAt: signer.issuedAt };
    },
    publicJwks: () => ({ keys: current().published }),
    verifierKeys: (header, token) => current().find(header, token),
    close: () => looking.stop(),
  };
}

/** What is published from `now` on, and until when that holds unless the file changes. */
function verifiersOf(
  schedule: Schedule,
  now: number,
): { readonly published: PublicKey[]; readonly find: JWTVerifyGetKey; readonly until: number } {
  const live = liveKeys(schedule, now);
  const published = live.map(({ key }) => key.published);
  return {
    published,
    find: createLocalJWKSet({ keys: published }),
    until: Math.min(...live.map(({ endsAt }) => endsAt)),
  };
}
