// The settings by which services check access tokens and know each other.
import type { KeyObject } from 'node:crypto';
import { z } from 'zod';
import { httpUrl } from '../settings.ts';
import { CALLING_SERVICES, parsePrivateKey, parsePublicKey, type ServicePublicKeys } from './service-keys.ts';

/** The settings of a service that checks access tokens and does not sign them. */
export const keySetSettings = {
  JWKS_URL: httpUrl.describe(
    'Where the users service publishes its public keys (a JWK set, RFC 7517). The list of ended access tokens is at `/revocations` there.',
  ),
};

/** The settings by which a service checks access tokens. */
export const tokenSettings = {
  JWT_ISSUER: z
    .string()
    .min(1)
    .default('holdfast')
    .describe(
      'The `iss` of access tokens. A token of another issuer is refused, so all services have the same.',
    ),
  JWT_AUDIENCE: z
    .string()
    .min(1)
    .default('holdfast')
    .describe(
      'The `aud` of access tokens. A token for another audience is refused, so all services have the same.',
    ),
};

const serviceKey = z.string().transform((text, context) => {
  const key = parsePrivateKey(text);
  if (key) return key;
  const message = 'expected the 32 octets of an Ed25519 private key, in base64url (43 characters)';
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
});

/** The settings of a service that calls another. */
export const callingSettings = {
  SERVICE_KEY: serviceKey.describe(
    "The service's own Ed25519 private key, which signs its calls of other services: 32 octets in base64url " +
      '([to make and to change it](operations.md#how-to)).',
  ),
};

const servicePublicKeys = z.string().transform((text, context): ServicePublicKeys => {
  const keys: Record<keyof ServicePublicKeys, KeyObject[]> = { gateway: [], products: [], orders: [] };
  for (const entry of text.split(',')) {
    const [name, value = ''] = entry.trim().split('=', 2);
    const caller = CALLING_SERVICES.find((service) => service === name);
    const key = parsePublicKey(value);
    if (caller && key) keys[caller].push(key);
    else {
      const message = `expected NAME=KEY with a name of ${CALLING_SERVICES.join(', ')} and an Ed25519 public key in base64url, got ${JSON.stringify(entry)}`;
      context.addIssue({ code: 'custom', message });
    }
  }
  const absent = CALLING_SERVICES.filter((service) => keys[service].length === 0);
  if (absent.length > 0)
    context.addIssue({
      code: 'custom',
      message: `expected a key for each of ${CALLING_SERVICES.join(', ')}, got none for ${absent.join(', ')}`,
    });
  return keys;
});

/** The settings of a service that others call. */
export const calledSettings = {
  SERVICE_PUBLIC_KEYS: servicePublicKeys.describe(
    'The public keys of the services that call others, the same for all: `gateway=KEY,products=KEY,orders=KEY`. A name may ' +
      'occur twice while its key is being replaced.',
  ),
};
