// The keys by which services recognise each other: Ed25519, each written as its 32 octets in base64url.
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';

/** The services that call other services, and so have a key. */
export const CALLING_SERVICES = ['gateway', 'products', 'orders'] as const;
export type CallingService = (typeof CALLING_SERVICES)[number];

/** The public keys of each calling service: two while a key is being replaced. */
export type ServicePublicKeys = Readonly<Record<CallingService, readonly KeyObject[]>>;

const KEY = /^[A-Za-z0-9_-]{43}$/;
/** The bytes before the octets of a key in PKCS #8 and in SPKI (RFC 8410). */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');
const SPKI = Buffer.from('302a300506032b6570032100', 'hex');

const derOf = (prefix: Buffer, text: string): Buffer =>
  Buffer.concat([prefix, Buffer.from(text, 'base64url')]);

/** Undefined when `text` is no private key. */
export const parsePrivateKey = (text: string): KeyObject | undefined =>
  KEY.test(text) ? createPrivateKey({ key: derOf(PKCS8, text), format: 'der', type: 'pkcs8' }) : undefined;

/** Undefined when `text` is no public key. */
export const parsePublicKey = (text: string): KeyObject | undefined =>
  KEY.test(text) ? createPublicKey({ key: derOf(SPKI, text), format: 'der', type: 'spki' }) : undefined;

/** The public half of a private key. @throws when `text` is no private key */
export function publicHalfOf(text: string): string {
  const key = parsePrivateKey(text);
  const { x } = key ? createPublicKey(key).export({ format: 'jwk' }) : {};
  if (x === undefined) throw new Error('expected an Ed25519 private key in base64url (43 characters)');
  return x;
}

/** The value of SERVICE_PUBLIC_KEYS for these private keys. @throws when one of them is no private key */
export const publicKeysOf = (keys: Readonly<Record<CallingService, string>>): string =>
  CALLING_SERVICES.map((name) => `${name}=${publicHalfOf(keys[name])}`).join(',');
