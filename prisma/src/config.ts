// The settings of the migrator. docs/settings.md is made from their descriptions. Only this file reads the environment.
import { z } from 'zod';
import type { RolePasswords } from './roles.ts';

const passwordOf = (service: string) =>
  z
    .string()
    .min(1)
    .describe(`The new password of the role of the ${service} service (\`${service}_service\`).`);

export const settings = {
  DATABASE_URL: z
    .url({
      protocol: /^postgres(ql)?$/,
      error: 'expected a PostgreSQL URL (postgres://user:password@host:5432/database)',
    })
    .describe(
      'The database to migrate, with a role that may create roles and owns the database. `status` and `wait` need only this setting.',
    ),
  USERS_DB_PASSWORD: passwordOf('users'),
  PRODUCTS_DB_PASSWORD: passwordOf('products'),
  ORDERS_DB_PASSWORD: passwordOf('orders'),
};

export type MigratorSettings = { adminUrl: string; rolePasswords: RolePasswords };

/** Reads the settings. Throws one error that names every wrong setting. */
export function readMigratorSettings(env: NodeJS.ProcessEnv): MigratorSettings {
  const read = readSettings(settings, env);
  return {
    adminUrl: read.DATABASE_URL,
    rolePasswords: {
      users: read.USERS_DB_PASSWORD,
      products: read.PRODUCTS_DB_PASSWORD,
      orders: read.ORDERS_DB_PASSWORD,
    },
  };
}

/** Reads the only setting of `status` and `wait`. Throws as readMigratorSettings does. */
export const readDatabaseUrl = (env: NodeJS.ProcessEnv): string =>
  readSettings({ DATABASE_URL: settings.DATABASE_URL }, env).DATABASE_URL;

function readSettings<Shape extends z.ZodRawShape>(shape: Shape, env: NodeJS.ProcessEnv) {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const result = z.object(shape).safeParse(given);
  if (result.success) return result.data;
  const errors = result.error.issues.map(({ path: [name = ''], message }) =>
    given[String(name)] === undefined ? `${String(name)} is not set` : `${String(name)}: ${message}`,
  );
  throw new Error(errors.join('; '));
}
