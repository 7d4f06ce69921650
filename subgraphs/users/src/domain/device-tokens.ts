// Device tokens: signed texts by which a device shows that the account was logged in to from it before. They open nothing: a
// try that brings one is counted apart from those of strangers.
import { createHmac, randomUUID } from 'node:crypto';
import { errors, jwtVerify, SignJWT } from 'jose';
import type { AccountWithHash } from '../data/accounts.ts';

export interface DeviceTokens {
  /** A token for the device, which a new one gets an id for. */
  issue(account: AccountWithHash, device?: string): Promise<string>;
  /** The id of the device; undefined when the token is not the account's, is too old, or when its password has changed since. */
  deviceOf(token: string, account: AccountWithHash): Promise<string | undefined>;
}

const ALGORITHM = 'HS256';
const TYPE = 'device+jwt';
const LIFE = '365 days';
/** Longer than any that is issued. */
const MAX_LENGTH = 1_000;

/** The password's hash is part of the key, so a change of password ends all tokens of the account. */
const keyOf = (secret: string, { account, passwordHash }: AccountWithHash): Uint8Array =>
  createHmac('sha256', secret)
    .update(JSON.stringify(['device', account.id, passwordHash]))
    .digest();

/** @param secrets the first signs, all of them verify */
export function createDeviceTokens(secrets: readonly [string, ...string[]]): DeviceTokens {
  async function verified(token: string, key: Uint8Array, subject: string): Promise<string | undefined> {
    try {
      const { payload } = await jwtVerify(token, key, { algorithms: [ALGORITHM], typ: TYPE, subject });
      return payload.jti;
    } catch (error) {
      if (error instanceof errors.JOSEError) return undefined;
      throw error;
    }
  }

  return {
    issue: (owner, device = randomUUID()) =>
      new SignJWT()
        .setProtectedHeader({ alg: ALGORITHM, typ: TYPE })
        .setSubject(String(owner.account.id))
        .setJti(device)
        .setIssuedAt()
        .setExpirationTime(LIFE)
        .sign(keyOf(secrets[0], owner)),

    async deviceOf(token, owner) {
      if (token.length > MAX_LENGTH) return undefined;
      for (const secret of secrets) {
        const device = await verified(token, keyOf(secret, owner), String(owner.account.id));
        if (device !== undefined) return device;
      }
      return undefined;
    },
  };
}
