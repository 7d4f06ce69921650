// Makes the secrets that the local overlay's secretGenerator reads. Existing secrets stay, because running pods and the database
// use them.
import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { SERVICES, serviceUrl } from '@holdfast/database';
import { readIfPresent, writeDurably } from '../files.ts';
import { openSecrets } from './secrets.ts';

const LINE = /^(\w+)=(.*)$/gm;

const secret = (): string => randomBytes(32).toString('base64url');

/**
 * Writes `file` unless it exists, and returns its settings. Throws when an existing file lacks a setting, because the cluster may use
 * the file's old content.
 */
async function openEnv(file: string, settings: Record<string, string>): Promise<Record<string, string>> {
  const text = await readIfPresent(file);
  if (text === undefined) {
    const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`);
    await writeDurably(file, lines.join(''));
    return settings;
  }
  const found = Object.fromEntries(
    [...text.matchAll(LINE)].map(([, name = '', value = '']) => [name, value]),
  );
  const missing = Object.keys(settings).filter((name) => !found[name]);
  if (missing.length > 0)
    throw new Error(
      `${file} has no ${missing.join(', ')}; correct or restore it, or delete it: then a new one is made`,
    );
  return found;
}

/** Makes the missing secrets of `folder`. */
export async function makeSecrets(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const env = (name: string) => join(folder, `${name}.env`);
  // This writes the passwords of the roles and keys.json.
  const { rolePasswords, serviceKeys, servicePublicKeys, sessionSecret } = await openSecrets(folder);
  const { POSTGRES_PASSWORD = '' } = await openEnv(env('postgres'), { POSTGRES_PASSWORD: secret() });
  const adminUrl = `postgres://postgres:${POSTGRES_PASSWORD}@postgres:5432/holdfast`;
  await openEnv(env('service-keys'), { SERVICE_PUBLIC_KEYS: servicePublicKeys });
  for (const [service, SERVICE_KEY] of Object.entries(serviceKeys))
    await openEnv(env(`${service}-key`), { SERVICE_KEY });
  await openEnv(env('users-sessions'), { SESSION_SECRET: sessionSecret });
  // One Redis counts for the rate limits, the other one is the cache.
  for (const [name, setting] of [
    ['redis', 'REDIS_URL'],
    ['cache', 'CACHE_REDIS_URL'],
  ] as const) {
    const { REDIS_PASSWORD } = await openEnv(env(`${name}-password`), { REDIS_PASSWORD: secret() });
    await openEnv(env(name), { [setting]: `redis://:${REDIS_PASSWORD}@${name}:6379` });
  }
  await openEnv(env('migrations'), {
    DATABASE_URL: adminUrl,
    USERS_DB_PASSWORD: rolePasswords.users,
    PRODUCTS_DB_PASSWORD: rolePasswords.products,
    ORDERS_DB_PASSWORD: rolePasswords.orders,
  });
  for (const service of SERVICES) {
    const url = serviceUrl(adminUrl, service, rolePasswords[service]);
    await openEnv(env(`${service}-database`), { DATABASE_URL: url, DATABASE_DIRECT_URL: url });
  }
}
