#!/usr/bin/env node
// `npm run db:migrate`, and the migration job of a deployment: migrates the database of DATABASE_URL.
import { migrate } from './migrate.js';
import type { RolePasswords } from './roles.js';

type Settings = { adminUrl: string; rolePasswords: RolePasswords };

/** Reads the settings, or throws one error that names everything wrong with them. */
function readSettings(env: NodeJS.ProcessEnv): Settings {
  const faults: string[] = [];
  const need = (name: string): string => {
    const value = env[name] ?? '';
    if (value === '') faults.push(`${name} is not set`);
    return value;
  };
  const adminUrl = need('DATABASE_URL');
  if (adminUrl !== '' && !isPostgresUrl(adminUrl)) {
    faults.push('DATABASE_URL is no PostgreSQL URL (postgres://user:password@host:5432/database)');
  }
  const rolePasswords = {
    users: need('USERS_DB_PASSWORD'),
    products: need('PRODUCTS_DB_PASSWORD'),
    orders: need('ORDERS_DB_PASSWORD'),
  };
  if (faults.length > 0) throw new Error(faults.join('; '));
  return { adminUrl, rolePasswords };
}

function isPostgresUrl(text: string): boolean {
  return URL.canParse(text) && /^postgres(ql)?:$/.test(new URL(text).protocol);
}

try {
  const applied = await migrate({ ...readSettings(process.env), log: (line) => console.log(line) });
  console.log(
    applied.length === 0 ? 'the database was up to date' : `applied ${applied.length} migration(s)`,
  );
} catch (error) {
  console.error(`db:migrate: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
