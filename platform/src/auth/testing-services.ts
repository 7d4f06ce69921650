// For tests: calling services, each with its own key.
import { randomBytes } from 'node:crypto';
import { readSettings } from '../settings.ts';
import { type CallingService, publicKeysOf } from './service-keys.ts';
import { type CalledService, createServiceTokens, SERVICE_TOKEN_HEADER } from './service-tokens.ts';
import { calledSettings, callingSettings } from './settings.ts';

/** Any 32 octets make a private key. */
export const newServiceKey = (): string => randomBytes(32).toString('base64url');

export const newServiceKeys = (): Record<CallingService, string> => ({
  gateway: newServiceKey(),
  products: newServiceKey(),
  orders: newServiceKey(),
});

/** The tokens of a service whose private key is `text`. */
export const tokensOf = (name: CallingService, text: string, now = Date.now) =>
  createServiceTokens({ name, key: readSettings(callingSettings, { SERVICE_KEY: text }).SERVICE_KEY, now });

/** The public halves of `keys`, in the form that createCallerCheck takes. */
export const publicKeysFrom = (keys: Readonly<Record<CallingService, string>>) =>
  readSettings(calledSettings, { SERVICE_PUBLIC_KEYS: publicKeysOf(keys) }).SERVICE_PUBLIC_KEYS;

/** Creates the header field by which `called` recognises the gateway. */
export function gatewayHeaders(keys: Readonly<Record<CallingService, string>>) {
  const tokens = tokensOf('gateway', keys.gateway);
  return async (called: CalledService): Promise<Record<string, string>> => ({
    [SERVICE_TOKEN_HEADER]: await tokens(called),
  });
}
