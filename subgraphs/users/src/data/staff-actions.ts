// The actions of staff on accounts in PostgreSQL: change a role, disable, enable, end sessions. Each is one transaction with its line in
// the audit trail. The transactions run one after another, so that one staff account that can log in always remains.

import { NO_ORIGIN, type Origin } from '@holdfast/platform/auth/security-events';
import type { Role } from '@holdfast/platform/auth/viewer';
import type { Queryable } from '@holdfast/platform/postgres/database';
import { boolean, integer, notNull, selectList, statement, voidType } from '@holdfast/platform/postgres/sql';
import type pg from 'pg';
import { ACCOUNT, type AccountRow, ROLE } from './account-row.ts';
import { recordAuditEvent } from './audit-events.ts';
import { endSessions, inTransaction } from './transaction.ts';

/** The caller and the account to change. The caller must be staff in the database now; the role in its token does not count. */
export interface StaffAction {
  readonly callerId: number;
  readonly origin: Origin;
  readonly userId: number;
}

export interface RoleChange extends StaffAction {
  readonly expectedVersion: number;
  readonly role: Role;
}

export interface StateChange extends StaffAction {
  readonly expectedVersion: number;
  readonly reason: string;
}

type Refused = { readonly kind: 'caller is no staff' } | { readonly kind: 'not found' };
type Stale = { readonly kind: 'stale'; readonly account: AccountRow };

/** The changed account, or why it was not changed. */
export type RoleOutcome =
  | { readonly kind: 'changed'; readonly account: AccountRow; readonly from: Role }
  | Refused
  /** The account already has the role. */
  | { readonly kind: 'unchanged'; readonly account: AccountRow }
  | Stale
  | { readonly kind: 'last staff' };

export type StateOutcome =
  | { readonly kind: 'changed'; readonly account: AccountRow }
  /** The account already had the state, or it is the caller's own account, which is never disabled. */
  | { readonly kind: 'unchanged'; readonly account: AccountRow }
  | Refused
  | Stale;

export type SessionsOutcome = { readonly kind: 'ended'; readonly account: AccountRow } | Refused;

export interface StaffActionStore {
  /** Changes the role of an account at the expected version. An account that loses the role STAFF loses its sessions. */
  changeRole(change: RoleChange): Promise<RoleOutcome>;
  /** Makes the account staff, for the operator of the system. Undefined, and no change, when it is already staff. */
  promote(userId: number): Promise<AccountRow | undefined>;
  /** Ends the sessions of the account and prevents logins. */
  disable(change: StateChange): Promise<StateOutcome>;
  enable(change: StateChange): Promise<StateOutcome>;
  endSessions(action: StaffAction & { readonly reason: string }): Promise<SessionsOutcome>;
}

// The turn lasts until the end of the transaction. The next statement sees the commits of all transactions that had their turn before.
const takeTurn = statement({
  name: 'users_role_turn',
  text: `SELECT users.take_turn('role')`,
  parameters: {},
  row: { take_turn: voidType },
});

const IS_STAFF = `role = 'STAFF' AND disabled_at IS NULL`;
const CALLER_IS_STAFF = `EXISTS (SELECT FROM users.users WHERE id = $callerId AND ${IS_STAFF})`;

// The guard compares versions, so `before` is the old state of the changed row.
const changeRole = statement({
  name: 'users_role_change',
  text: `UPDATE users.users u
            SET role = $role::users.role, version = u.version + 1, updated_at = now()
           FROM users.users before
          WHERE u.id = $userId AND u.version = $expectedVersion AND before.id = u.id
            AND u.role <> $role::users.role AND ${CALLER_IS_STAFF}
            AND ($role::users.role = 'STAFF' OR EXISTS (SELECT FROM users.users WHERE ${IS_STAFF} AND id <> $userId))
      RETURNING ${selectList(ACCOUNT, 'u')}, before.role AS "from"`,
  parameters: { callerId: integer, userId: integer, expectedVersion: integer, role: ROLE },
  row: { ...ACCOUNT, from: ROLE },
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

// The caller is staff that can log in and remains so; the statement need not count other staff.
const disable = statement({
  name: 'users_account_disable',
  text: `UPDATE users.users
            SET disabled_at = now(), version = version + 1, updated_at = now()
          WHERE id = $userId AND version = $expectedVersion AND disabled_at IS NULL AND id <> $callerId
            AND ${CALLER_IS_STAFF}
      RETURNING ${selectList(ACCOUNT)}`,
  parameters: { callerId: integer, userId: integer, expectedVersion: integer },
  row: ACCOUNT,
});

const enable = statement({
  name: 'users_account_enable',
  text: `UPDATE users.users
            SET disabled_at = NULL, version = version + 1, updated_at = now()
          WHERE id = $userId AND version = $expectedVersion AND disabled_at IS NOT NULL
            AND ${CALLER_IS_STAFF}
      RETURNING ${selectList(ACCOUNT)}`,
  parameters: { callerId: integer, userId: integer, expectedVersion: integer },
  row: ACCOUNT,
});

const callerIsStaff = statement({
  name: 'users_caller_is_staff',
  text: `SELECT ${CALLER_IS_STAFF} AS "isStaff"`,
  parameters: { callerId: integer },
  row: { isStaff: notNull(boolean, 'EXISTS is never null') },
});

// This is not FOR UPDATE, for the reason in sessions.ts.
const lockAccount = statement({
  name: 'users_staff_lock_account',
  text: `SELECT ${selectList(ACCOUNT)} FROM users.users WHERE id = $userId FOR NO KEY UPDATE`,
  parameters: { userId: integer },
  row: ACCOUNT,
});

/** The locked account, if the caller is staff and the account exists; otherwise the reason. */
async function findTarget(
  transaction: Queryable,
  { callerId, userId }: StaffAction,
): Promise<Refused | { readonly kind: 'found'; readonly account: AccountRow }> {
  const [caller] = await callerIsStaff(transaction, { callerId });
  if (!caller?.isStaff) return { kind: 'caller is no staff' };
  const [account] = await lockAccount(transaction, { userId });
  return account === undefined ? { kind: 'not found' } : { kind: 'found', account };
}

/** Says why the role was not changed. Roles cannot change during the turn, and versions only grow. */
async function explainRole(transaction: Queryable, change: RoleChange): Promise<RoleOutcome> {
  const target = await findTarget(transaction, change);
  if (target.kind !== 'found') return target;
  const { account } = target;
  if (account.version !== change.expectedVersion) return { kind: 'stale', account };
  return account.role === change.role ? { kind: 'unchanged', account } : { kind: 'last staff' };
}

/** Says why the state was not changed. */
async function explainState(transaction: Queryable, change: StateChange): Promise<StateOutcome> {
  const target = await findTarget(transaction, change);
  if (target.kind !== 'found') return target;
  const { account } = target;
  return account.version === change.expectedVersion
    ? { kind: 'unchanged', account }
    : { kind: 'stale', account };
}

const actorOf = ({ callerId: id }: StaffAction) => ({ id, role: 'STAFF' }) as const;

/** The accounts in the database behind `pool`. */
export function createStaffActionStore(pool: pg.Pool): StaffActionStore {
  const inTurn = <Result>(work: (transaction: Queryable) => Promise<Result>): Promise<Result> =>
    inTransaction(pool, async (transaction) => {
      await takeTurn(transaction, {});
      return work(transaction);
    });
  const setState =
    (set: typeof disable, action: 'ACCOUNT_DISABLED' | 'ACCOUNT_ENABLED'): StaffActionStore['disable'] =>
    (change) =>
      inTurn(async (transaction) => {
        const { userId, callerId, expectedVersion, reason, origin } = change;
        const [account] = await set(transaction, { userId, callerId, expectedVersion });
        if (account === undefined) return explainState(transaction, change);
        // This also ends links that were requested while the account was disabled.
        await endSessions(transaction, userId);
        await recordAuditEvent(transaction, {
          actor: actorOf(change),
          action,
          subjectId: userId,
          reason,
          origin,
        });
        return { kind: 'changed', account };
      });

  return {
    changeRole: (change) =>
      inTurn(async (transaction) => {
        const { userId, callerId, expectedVersion, role, origin } = change;
        const [changed] = await changeRole(transaction, { userId, callerId, expectedVersion, role });
        if (changed === undefined) return explainRole(transaction, change);
        const { from, ...account } = changed;
        if (from === 'STAFF' && role !== 'STAFF') await endSessions(transaction, userId);
        const roles = { old: from, new: role };
        await recordAuditEvent(transaction, {
          actor: actorOf(change),
          action: 'ROLE_CHANGED',
          subjectId: userId,
          roles,
          origin,
        });
        return { kind: 'changed', account, from };
      }),
    promote: (id) =>
      inTransaction(pool, async (transaction) => {
        const [account] = await promote(transaction, { id });
        if (account !== undefined)
          await recordAuditEvent(transaction, {
            actor: 'system',
            action: 'ROLE_CHANGED',
            subjectId: id,
            roles: { old: 'CUSTOMER', new: 'STAFF' },
            origin: NO_ORIGIN,
          });
        return account;
      }),
    disable: setState(disable, 'ACCOUNT_DISABLED'),
    enable: setState(enable, 'ACCOUNT_ENABLED'),
    endSessions: (action) =>
      inTurn(async (transaction) => {
        const target = await findTarget(transaction, action);
        if (target.kind !== 'found') return target;
        const { userId: subjectId, reason, origin } = action;
        await endSessions(transaction, subjectId);
        await recordAuditEvent(transaction, {
          actor: actorOf(action),
          action: 'SESSIONS_ENDED',
          subjectId,
          reason,
          origin,
        });
        return { kind: 'ended', account: target.account };
      }),
  };
}
