// Staff accounts for tests.
import type { Account, Client } from './client.ts';
import { inspect } from './invariants.ts';
import type { RunningSystem } from './running-system.ts';

/** Makes a staff account, signed in. The token contains the role, so the account gets the role before it signs in. */
export async function createStaff({ adminUrl }: RunningSystem, client: Client): Promise<Account> {
  const registered = await client.register();
  await inspect(adminUrl, (admin) =>
    admin.query("UPDATE users.users SET role = 'STAFF' WHERE id = $1", [registered.id]),
  );
  return { ...registered, token: await client.signIn(registered.username, registered.password) };
}
