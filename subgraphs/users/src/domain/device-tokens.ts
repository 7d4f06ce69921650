// Device tokens: signed texts that prove that a user has logged in to the account from this device before. They open no session. A try
// to log in with such a token is counted separately from tries of strangers.
import { createHmac, randomUUID } from 'node:crypto';
import { JOSEError } from 'jose/errors';
import { SignJWT } from 'jose/jwt/sign';
import { jwtVerify } from 'jose/jwt/verify';
import type { AccountWithHash } from '../data/accounts.ts';

export interface DeviceTokens {
  /** A token for the device; a new device gets an id. */
  issue(account: AccountWithHash, device?: string): Promise<string>;
  /** The id of the device; undefined when the token belongs to another account, is too old, or is from before a change of password. */
  deviceOf(token: string, account: AccountWithHash): Promise<string | undefined>;
}

const ALGORITHM = 'HS256';
const TYPE = 'device+jwt';
const LIFE = '365 days';
/** Longer than all issued tokens. */
const MAX_LENGTH = 1_000;

/** The hash of the password is part of the key, so a change of password ends all device tokens of the account. */
const keyOf = (secret: string, { account, passwordHash }: AccountWithHash): Uint8Array =>
  createHmac('sha256', secret)
    .update(JSON.stringify(['device', account.id, passwordHash]))
    .digest();

/** @param secrets the first signs; all verify */
export function createDeviceTokens(secrets: readonly [string, ...string[]]): DeviceTokens {
  async function verify(token: string, key: Uint8Array, subject: string): Promise<string | undefined> {
    try {
      const { payload } = await jwtVerify(token, key, { algorithms: [ALGORITHM], typ: TYPE, subject });
      return payload.jti;
    } catch (error) {
      if (error instanceof JOSEError) return undefined;
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
        const device = await verify(token, keyOf(secret, owner), String(owner.account.id));
        if (device !== undefined) return device;
      }
      return undefined;
    },
  };
}
