// The signing keys in use. The key ring follows the file of the keys without a restart and changes from key to key by the clock.

import type { Logger } from '@holdfast/platform/observability/log';
import { repeat } from '@holdfast/platform/repeat';
import { ConfigError } from '@holdfast/platform/settings';
import type { CryptoKey, JWTVerifyGetKey } from 'jose';
import { createLocalJWKSet } from 'jose/jwks/local';
import { type KeyTimes, liveKeys, type ScheduledKey, scheduleKeys, signerAt } from './key-schedule.ts';
import { type PublicKey, parseSigningKeys, readSigningKeyFile, type SigningKey } from './signing-keys.ts';

export interface Signer {
  readonly kid: string;
  readonly key: CryptoKey;
  /** When the key was made, in seconds since the epoch; undefined when the file does not have it. */
  readonly issuedAt: number | undefined;
}

/** Signing, publishing and verifying always use the same keys. */
export interface KeyRing {
  /** The key to sign with now. */
  signer(): Signer;
  /** The keys to publish now (RFC 7517). */
  publicJwks(): { readonly keys: readonly PublicKey[] };
  /** Finds the key of a token among the published keys, as verifiers in other services do. */
  readonly verifierKeys: JWTVerifyGetKey;
  /** Stops following the file. */
  close(): Promise<void>;
}

export interface KeyRingOptions {
  readonly path: string;
  readonly times: KeyTimes;
  /** How often the file is read, ms. Its content is compared, because on Kubernetes only a symbolic link changes. */
  readonly pollMs: number;
  readonly log: Logger;
  /** Receives the ids of all keys in force, oldest first, when the file has other keys than before. */
  readonly onRotation: (kids: readonly string[]) => void;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

type Schedule = readonly ScheduledKey<SigningKey>[];

/** Opens the file. @throws {ConfigError} when it cannot be used. A later error keeps the old keys in force instead */
export async function openKeyRing(options: KeyRingOptions): Promise<KeyRing> {
  const { path, times, pollMs, log, onRotation, now = Date.now } = options;
  let seen = await readSigningKeyFile(path);
  let schedule: Schedule = scheduleKeys(await parseSigningKeys(path, seen), times);
  let verifiers = selectVerifiers(schedule, now());

  const current = (): typeof verifiers => {
    if (now() >= verifiers.until) verifiers = selectVerifiers(schedule, now());
    return verifiers;
  };
  async function look(): Promise<void> {
    const text = await readSigningKeyFile(path);
    if (text !== seen) {
      schedule = scheduleKeys(await parseSigningKeys(path, text), times);
      seen = text;
      verifiers = selectVerifiers(schedule, now());
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
        log.error({ reason }, 'the file of signing keys cannot be used; the old keys stay in force');
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

/** The keys to publish from `now` on, and until when they are the right ones, unless the file changes. */
function selectVerifiers(
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
