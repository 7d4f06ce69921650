// The secrets of a local stack. The first start makes them; only their owner can read them in the data directory.
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Service } from '@holdfast/database';
import type { RolePasswords } from '@holdfast/database/roles';
import { type CallingService, parsePrivateKey, publicKeysOf } from '@holdfast/platform/auth/service-keys';
import { calculateJwkThumbprint } from 'jose/jwk/thumbprint';
import { exportJWK } from 'jose/key/export';
import { generateKeyPair } from 'jose/key/generate/keypair';
import { z } from 'zod';
import { writeDurably } from '../files.ts';
import { readSecretFile, type SecretFile } from './secret-file.ts';

/** The private key of each service that calls others: 32 octets in base64url. */
export type ServiceKeys = Record<CallingService, string>;

export type StackSecrets = {
  rolePasswords: RolePasswords;
  /** A private JWK set (RFC 7517) with one Ed25519 key. */
  signingKeysFile: string;
  /** The private keys for service tokens. */
  serviceKeys: ServiceKeys;
  /** The public keys of these, in the form of SERVICE_PUBLIC_KEYS. */
  servicePublicKeys: string;
  /** The users service derives refresh tokens from it. */
  sessionSecret: string;
};

const privateKey = z.string().refine((text) => parsePrivateKey(text) !== undefined);
const privateKeys = z.object({ gateway: privateKey, products: privateKey, orders: privateKey });

const ROLE_PASSWORDS: SecretFile<RolePasswords> = {
  name: 'role-passwords.json',
  expected: 'a password for users, products and orders each',
  parse: (content) => {
    const [users, products, orders] = [
      passwordIn(content, 'users'),
      passwordIn(content, 'products'),
      passwordIn(content, 'orders'),
    ];
    return users && products && orders ? { users, products, orders } : undefined;
  },
  withoutIt: 'the roles of the database get new passwords',
};

const SIGNING_KEYS: SecretFile<object> = {
  name: 'keys.json',
  // The users service checks each key itself.
  expected: '{"keys": [...]} with at least one key',
  parse: (content) => (hasKeys(content) ? content : undefined),
  withoutIt: 'a new key is made, and every user has to log in again',
};

const SERVICE_KEYS: SecretFile<ServiceKeys> = {
  name: 'service-keys.json',
  expected: 'an Ed25519 private key for gateway, products and orders each',
  parse: (content) => privateKeys.safeParse(content).data,
  withoutIt: 'new ones are made',
};

const SESSION_SECRET_LENGTH = 32;

const SESSION_SECRET: SecretFile<string> = {
  name: 'session-secret.json',
  expected: `a string of ${SESSION_SECRET_LENGTH} characters at least`,
  parse: (content) =>
    typeof content === 'string' && content.length >= SESSION_SECRET_LENGTH ? content : undefined,
  withoutIt: 'a new one is made',
};

/** The file with the signing keys of `dataDir`. */
export function signingKeysFile(dataDir: string): string {
  return join(dataDir, SIGNING_KEYS.name);
}

/** Whether `dataDir` has the passwords of the database's roles. Throws as `openSecrets` does, which makes missing ones. */
export async function hasRolePasswords(dataDir: string): Promise<boolean> {
  return (await readSecretFile(dataDir, ROLE_PASSWORDS)) !== undefined;
}

/**
 * Reads the secrets of `dataDir` and makes the missing ones. Throws with one line that names an existing file which cannot be used.
 */
export async function openSecrets(dataDir: string): Promise<StackSecrets> {
  // All files are read before the first one is made, so that an unusable file changes no other.
  const [passwords, keys, serviceKeys, session] = [
    await readSecretFile(dataDir, ROLE_PASSWORDS),
    await readSecretFile(dataDir, SIGNING_KEYS),
    await readSecretFile(dataDir, SERVICE_KEYS),
    await readSecretFile(dataDir, SESSION_SECRET),
  ];
  if (keys === undefined) await write(dataDir, SIGNING_KEYS, { keys: [await makeSigningKey()] });
  const callers = serviceKeys ?? (await write(dataDir, SERVICE_KEYS, makeServiceKeys()));
  return {
    rolePasswords: passwords ?? (await write(dataDir, ROLE_PASSWORDS, makePasswords())),
    serviceKeys: callers,
    servicePublicKeys: publicKeysOf(callers),
    sessionSecret: session ?? (await write(dataDir, SESSION_SECRET, randomSecret())),
    signingKeysFile: signingKeysFile(dataDir),
  };
}

/** The passwords in `dataDir`. Throws with one line when they are missing or cannot be read. */
export async function readRolePasswords(dataDir: string): Promise<RolePasswords> {
  const passwords = await readSecretFile(dataDir, ROLE_PASSWORDS);
  if (passwords === undefined) throw new Error(`${join(dataDir, ROLE_PASSWORDS.name)} is missing`);
  return passwords;
}

/** Deletes the secrets of `dataDir`. */
export async function removeSecrets(dataDir: string): Promise<void> {
  const names = [ROLE_PASSWORDS.name, SIGNING_KEYS.name, SERVICE_KEYS.name, SESSION_SECRET.name];
  await Promise.all(names.map((name) => rm(join(dataDir, name), { recursive: true, force: true })));
}

async function write<Content>(
  dataDir: string,
  file: SecretFile<Content>,
  content: Content,
): Promise<Content> {
  await writeDurably(join(dataDir, file.name), `${JSON.stringify(content, null, 2)}\n`);
  return content;
}

function passwordIn(content: unknown, service: Service): string | undefined {
  if (typeof content !== 'object' || content === null) return undefined;
  const password: unknown = Object.entries(content).find(([key]) => key === service)?.[1];
  return typeof password === 'string' && password !== '' ? password : undefined;
}

function hasKeys(content: unknown): content is { keys: unknown[] } {
  return (
    typeof content === 'object' &&
    content !== null &&
    'keys' in content &&
    Array.isArray(content.keys) &&
    content.keys.length > 0
  );
}

const randomSecret = (): string => randomBytes(32).toString('base64url');

/** Makes a private key of a service: any 32 octets are a valid key (RFC 8032). */
export const makeServiceKey = randomSecret;

const makeServiceKeys = (): ServiceKeys => ({
  gateway: makeServiceKey(),
  products: makeServiceKey(),
  orders: makeServiceKey(),
});

function makePasswords(): RolePasswords {
  const password = () => randomBytes(24).toString('base64url');
  return { users: password(), products: password(), orders: password() };
}

async function makeSigningKey(): Promise<Record<string, unknown>> {
  const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
  const key = await exportJWK(privateKey);
  return {
    ...key,
    kid: await calculateJwkThumbprint(key),
    alg: 'EdDSA',
    use: 'sig',
    iat: Math.floor(Date.now() / 1_000),
  };
}
