// The secrets of a local stack, made on the first start and kept in its data directory for its owner only.
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RolePasswords } from '@holdfast/database/roles';
import { calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose';

export type StackSecrets = {
  rolePasswords: RolePasswords;
  /** Whether the passwords were made just now. */
  madePasswords: boolean;
  /** A private JWK set (RFC 7517) with one Ed25519 key. */
  signingKeysFile: string;
  /** By which the services know each other. */
  serviceSecret: string;
};

const PASSWORDS = 'role-passwords.json';
const KEYS = 'keys.json';
const SERVICE_SECRET = 'service-secret.json';

/** The file with the signing keys of `dataDir`. */
export function signingKeysFile(dataDir: string): string {
  return join(dataDir, KEYS);
}

/** Reads the secrets of `dataDir`, making those that are missing. */
export async function openSecrets(dataDir: string): Promise<StackSecrets> {
  const passwordsFile = join(dataDir, PASSWORDS);
  const keysFile = signingKeysFile(dataDir);
  const madePasswords = !existsSync(passwordsFile);
  if (madePasswords) await writeSecret(passwordsFile, makePasswords());
  if (!existsSync(keysFile)) await writeSecret(keysFile, { keys: [await makeSigningKey()] });
  const serviceSecretFile = join(dataDir, SERVICE_SECRET);
  if (!existsSync(serviceSecretFile)) await writeSecret(serviceSecretFile, randomSecret());
  const serviceSecret: string = JSON.parse(await readFile(serviceSecretFile, 'utf8'));
  return { ...(await readSecrets(dataDir)), serviceSecret, signingKeysFile: keysFile, madePasswords };
}

/** The passwords that are kept in `dataDir`. */
export async function readSecrets(dataDir: string): Promise<Pick<StackSecrets, 'rolePasswords'>> {
  return { rolePasswords: JSON.parse(await readFile(join(dataDir, PASSWORDS), 'utf8')) };
}

/** Deletes the secrets of `dataDir`. */
export async function removeSecrets(dataDir: string): Promise<void> {
  await Promise.all(
    [PASSWORDS, KEYS, SERVICE_SECRET].map((name) => rm(join(dataDir, name), { force: true })),
  );
}

const randomSecret = (): string => randomBytes(32).toString('base64url');

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

/** Whole or not at all: a start that is interrupted leaves no half of a secret. */
async function writeSecret(path: string, content: unknown): Promise<void> {
  const unfinished = `${path}.${process.pid}`;
  await writeFile(unfinished, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
  await rename(unfinished, path);
}
