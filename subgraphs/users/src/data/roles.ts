// Roles in PostgreSQL. There is always a staff account, because changes of roles happen one after another.
import { type Queryable, statement } from '@holdfast/platform/database';
import type { Role } from '@holdfast/platform/viewer';
import type pg from 'pg';
import { ACCOUNT_COLUMNS, type AccountRow } from './accounts.ts';
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
const takeTurn = statement<[], never>(
  'users_role_turn',
  `SELECT pg_advisory_xact_lock(hashtext('users.users.role'))`,
);

// The guard compares versions, so `before` is the row that is changed, as it was.
const changeRole = statement<
  [callerId: number, userId: number, expectedVersion: number, role: Role],
  AccountRow & { readonly isDemoted: boolean }
>(
  'users_role_change',
  `UPDATE users.users u
      SET role = $4::users.role, version = u.version + 1, updated_at = now()
     FROM users.users before
    WHERE u.id = $2 AND u.version = $3 AND before.id = u.id
      AND EXISTS (SELECT FROM users.users caller WHERE caller.id = $1 AND caller.role = 'STAFF')
      AND ($4::users.role = 'STAFF'
           OR EXISTS (SELECT FROM users.users other WHERE other.role = 'STAFF' AND other.id <> $2))
RETURNING ${ACCOUNT_COLUMNS}, before.role = 'STAFF' AND u.role <> 'STAFF' AS "isDemoted"`,
);

const isStaff = statement<[id: number], AccountRow>(
  'users_account_is_staff',
  `SELECT ${ACCOUNT_COLUMNS} FROM users.users u WHERE u.id = $1 AND u.role = 'STAFF'`,
);

const selectAccount = statement<[id: number], AccountRow>(
  'users_role_account',
  `SELECT ${ACCOUNT_COLUMNS} FROM users.users u WHERE u.id = $1`,
);

const promote = statement<[id: number], AccountRow>(
  'users_role_promote',
  `UPDATE users.users u
      SET role = 'STAFF', version = u.version + 1, updated_at = now()
    WHERE u.id = $1 AND u.role <> 'STAFF'
RETURNING ${ACCOUNT_COLUMNS}`,
);

/** Why the change did not happen. Roles stand still meanwhile, and versions only grow. */
async function reasonAgainst(
  transaction: Queryable,
  { callerId, userId, expectedVersion }: RoleChange,
): Promise<RoleOutcome> {
  if ((await isStaff(transaction, callerId)).length === 0) return { kind: 'caller is no staff' };
  const [account] = await selectAccount(transaction, userId);
  if (account === undefined) return { kind: 'not found' };
  return account.version === expectedVersion ? { kind: 'last staff' } : { kind: 'stale', account };
}

/** The roles of the database behind `pool`. */
export function createRoleStore(pool: pg.Pool): RoleStore {
  return {
    change: (change) =>
      inTransaction(pool, async (transaction) => {
        const { callerId, userId, expectedVersion, role } = change;
        await takeTurn(transaction);
        const [changed] = await changeRole(transaction, callerId, userId, expectedVersion, role);
        if (changed === undefined) return reasonAgainst(transaction, change);
        const { isDemoted, ...account } = changed;
        if (isDemoted) await endSessions(transaction, userId);
        return { kind: 'changed', account };
      }),
    promote: async (userId) => (await promote(pool, userId))[0],
  };
}
