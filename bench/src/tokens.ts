// Makes an access token of the stubs' user, and the key set with which the gateway verifies the token.

import { GENERATION_CLAIM, TOKEN_ALGORITHM, TOKEN_TYPE } from '@holdfast/platform/auth/tokens';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { USER_ID } from './stubs/shop.ts';

export const ISSUER = 'holdfast-bench';

export interface Tokens {
  readonly token: string;
  /** A JWK set, RFC 7517, as JSON. */
  readonly keySet: string;
}

export async function createTokens(): Promise<Tokens> {
  const { publicKey, privateKey } = await generateKeyPair(TOKEN_ALGORITHM);
  const header = { alg: TOKEN_ALGORITHM, kid: 'bench' };
  const token = await new SignJWT({ role: 'CUSTOMER', jti: 'bench', [GENERATION_CLAIM]: 0 })
    .setProtectedHeader({ ...header, typ: TOKEN_TYPE })
    .setSubject(USER_ID)
    .setIssuer(ISSUER)
    .setAudience(ISSUER)
    .setIssuedAt()
    .setExpirationTime('1d')
    .sign(privateKey);
  const keySet = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), ...header, use: 'sig' }] });
  return { token, keySet };
}
