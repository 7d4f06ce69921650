// Staff accounts for tests.
import type { Account, Client } from './client.ts';
import { inspect } from './invariants.ts';
import type { RunningSystem } from './running-system.ts';

/** A new account that is staff, signed in. The role is in the token, so it is given first. */
export async function staffAccount({ adminUrl }: RunningSystem, client: Client): Promise<Account> {
  const { id, username, password } = await client.account();
  await inspect(adminUrl, (admin) =>
    admin.query("UPDATE users.users SET role = 'STAFF' WHERE id = $1", [id]),
  );
  return { id, username, password, token: await client.signIn(username, password) };
}
