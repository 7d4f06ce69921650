// `node promote.ts NAME`, with DATABASE_URL: makes the account with that username or e-mail address staff. A shop gets its first staff
// account with this program. A second run changes no row.

import { createLogger } from '@holdfast/platform/observability/log';
import { createPool } from '@holdfast/platform/postgres/database';
import { came } from '@holdfast/platform/validation';
import { readPromoteSettings } from '../config.ts';
import { createAccountStore } from '../data/accounts.ts';
import { createStaffActionStore } from '../data/staff-actions.ts';
import { findByName } from '../domain/accounts.ts';

async function promote([name, ...more]: string[]): Promise<string> {
  if (name === undefined || more.length > 0)
    throw new Error('expected one argument, a username or an e-mail address');
  const { DATABASE_URL: url } = readPromoteSettings(process.env);
  const log = createLogger('promote', 'silent');
  const pool = createPool({ url, max: 1, applicationName: 'promote', log });
  try {
    const found = await findByName(createAccountStore(pool), name);
    if (found === undefined) throw new Error(`there is no account ${came(name)}`);
    const { id, username } = found.account;
    const promoted = await createStaffActionStore(pool).promote(id);
    return promoted === undefined
      ? `${username} is already staff`
      : `${username} is staff now; its access tokens have the role from the next login or refresh on`;
  } finally {
    await pool.end();
  }
}

try {
  console.log(await promote(process.argv.slice(2)));
} catch (error) {
  console.error(`promote: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
