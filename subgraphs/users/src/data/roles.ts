// Roles in PostgreSQL. There is always a staff account, because changes of roles happen one after another.
import type { Queryable } from '@holdfast/platform/database';
import { boolean, integer, nothing, notNull, selectList, statement } from '@holdfast/platform/sql';
import type { Role } from '@holdfast/platform/viewer';
import type pg from 'pg';
import { ACCOUNT, type AccountRow, ROLE } from './accounts.ts';
import { endSessions, inTransaction } from './transaction.ts';

export interface RoleChange {
  /** Who asks; what counts is the role that this account has now, and not the one in its token. */
  readonly callerId: number;
  readonly userId: number;
  readonly expectedVersion: number;
  readonly role: Role;
}

/** The account as changed, or why it was not. */
export type RoleOutcome =
  | { readonly kind: 'changed'; readonly account: AccountRow }
  | { readonly kind: 'caller is no staff' }
  | { readonly kind: 'not found' }
  | { readonly kind: 'stale'; readonly account: AccountRow }
  | { readonly kind: 'last staff' };

export interface RoleStore {
  /** Takes an account's role from the expected version to the next; who is staff no more has no session any more. */
  change(change: RoleChange): Promise<RoleOutcome>;
  /** Makes the account staff, whoever asks; undefined, and no change, when it is already. */
  promote(userId: number): Promise<AccountRow | undefined>;
}

// Until the end of the transaction. The statement that follows sees what the one before it in the queue has committed.
const takeTurn = statement({
  name: 'users_role_turn',
  text: `SELECT users.take_turn('role')`,
  parameters: {},
  row: { take_turn: nothing },
});

// The guard compares versions, so `before` is the row that is changed, as it was.
const changeRole = statement({
  name: 'users_role_change',
  text: `UPDATE users.users u
            SET role = $role::users.role, version = u.version + 1, updated_at = now()
           FROM users.users before
          WHERE u.id = $userId AND u.version = $expectedVersion AND before.id = u.id
            AND EXISTS (SELECT FROM users.users caller WHERE caller.id = $callerId AND caller.role = 'STAFF')
            AND ($role::users.role = 'STAFF'
                 OR EXISTS (SELECT FROM users.users other WHERE other.role = 'STAFF' AND other.id <> $userId))
      RETURNING ${selectList(ACCOUNT, 'u')}, before.role = 'STAFF' AND u.role <> 'STAFF' AS "isDemoted"`,
  parameters: { callerId: integer, userId: integer, expectedVersion: integer, role: ROLE },
  row: { ...ACCOUNT, isDemoted: notNull(boolean, 'every account has a role') },
});

const isStaff = statement({
  name: 'users_account_is_staff',
  text: `SELECT FROM users.users WHERE id = $id AND role = 'STAFF'`,
  parameters: { id: integer },
  row: {},
});

const selectAccount = statement({
  name: 'users_role_account',
  text: `SELECT ${selectList(ACCOUNT)} FROM users.users WHERE id = $id`,
  parameters: { id: integer },
  row: ACCOUNT,
});

const promote = statement({
  name: 'users_role_promote',
  text: `UPDATE users.users
            SET role = 'STAFF', version = version + 1, updated_at = now()
          WHERE id = $id AND role <> 'STAFF'
      RETURNING ${selectList(ACCOUNT)}`,
  parameters: { id: integer },
  row: ACCOUNT,
});

/** Why the change did not happen. Roles stand still meanwhile, and versions only grow. */
async function reasonAgainst(
  transaction: Queryable,
  { callerId, userId, expectedVersion }: RoleChange,
): Promise<RoleOutcome> {
  if ((await isStaff(transaction, { id: callerId })).length === 0) return { kind: 'caller is no staff' };
  const [account] = await selectAccount(transaction, { id: userId });
  if (account === undefined) return { kind: 'not found' };
  return account.version === expectedVersion ? { kind: 'last staff' } : { kind: 'stale', account };
}

/** The roles of the database behind `pool`. */
export function createRoleStore(pool: pg.Pool): RoleStore {
  return {
    change: (change) =>
      inTransaction(pool, async (transaction) => {
        await takeTurn(transaction, {});
        const [changed] = await changeRole(transaction, change);
        if (changed === undefined) return reasonAgainst(transaction, change);
        const { isDemoted, ...account } = changed;
        if (isDemoted) await endSessions(transaction, change.userId);
        return { kind: 'changed', account };
      }),
    promote: async (id) => (await promote(pool, { id }))[0],
  };
}
