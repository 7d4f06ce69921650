// What staff do to accounts in PostgreSQL: roles, disabling, ending of sessions. Each is one transaction with its line in the
// audit trail. There is always staff that can log in, because these transactions happen one after another.

import { NO_ORIGIN, type Origin } from '@holdfast/platform/auth/security-events';
import type { Role } from '@holdfast/platform/auth/viewer';
import type { Queryable } from '@holdfast/platform/postgres/database';
import { boolean, integer, nothing, notNull, selectList, statement } from '@holdfast/platform/postgres/sql';
import type pg from 'pg';
import { ACCOUNT, type AccountRow, ROLE } from './accounts.ts';
import { recordAuditEvent } from './audit-events.ts';
import { endSessions, inTransaction } from './transaction.ts';

/** Who asks, and for which account. What counts is what the caller's account is now, and not what its token says. */
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

/** The account as changed, or why it was not. */
export type RoleOutcome =
  | { readonly kind: 'changed'; readonly account: AccountRow; readonly from: Role }
  | Refused
  /** It has the role already. */
  | { readonly kind: 'unchanged'; readonly account: AccountRow }
  | Stale
  | { readonly kind: 'last staff' };

export type StateOutcome =
  | { readonly kind: 'changed'; readonly account: AccountRow }
  /** It was so already, or is the caller's own, which is never disabled. */
  | { readonly kind: 'unchanged'; readonly account: AccountRow }
  | Refused
  | Stale;

export type SessionsOutcome = { readonly kind: 'ended'; readonly account: AccountRow } | Refused;

export interface StaffActions {
  /** Takes an account's role from the expected version to the next; who is staff no more has no session any more. */
  changeRole(change: RoleChange): Promise<RoleOutcome>;
  /** Makes the account staff without asking who calls; undefined, and no change, when it is already. */
  promote(userId: number): Promise<AccountRow | undefined>;
  /** Neither logs in nor has sessions from now on. */
  disable(change: StateChange): Promise<StateOutcome>;
  enable(change: StateChange): Promise<StateOutcome>;
  endSessions(action: StaffAction & { readonly reason: string }): Promise<SessionsOutcome>;
}

// Until the end of the transaction. The statement that follows sees what the one before it in the queue has committed.
const takeTurn = statement({
  name: 'users_role_turn',
  text: `SELECT users.take_turn('role')`,
  parameters: {},
  row: { take_turn: nothing },
});

const IS_STAFF = `role = 'STAFF' AND disabled_at IS NULL`;
const CALLER_IS_STAFF = `EXISTS (SELECT FROM users.users WHERE id = $callerId AND ${IS_STAFF})`;

// The guard compares versions, so `before` is the row that is changed, as it was.
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

// The caller is staff that can log in and stays it, so no count of the others is needed.
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

// Not FOR UPDATE, as in sessions.ts.
const lockAccount = statement({
  name: 'users_staff_lock_account',
  text: `SELECT ${selectList(ACCOUNT)} FROM users.users WHERE id = $userId FOR NO KEY UPDATE`,
  parameters: { userId: integer },
  row: ACCOUNT,
});

/** The account when staff asks for one that there is; otherwise what is wrong. */
async function found(
  transaction: Queryable,
  { callerId, userId }: StaffAction,
): Promise<Refused | { readonly kind: 'found'; readonly account: AccountRow }> {
  const [caller] = await callerIsStaff(transaction, { callerId });
  if (!caller?.isStaff) return { kind: 'caller is no staff' };
  const [account] = await lockAccount(transaction, { userId });
  return account === undefined ? { kind: 'not found' } : { kind: 'found', account };
}

/** Why an account has not got another role. Roles stand still meanwhile, and versions only grow. */
async function reasonAgainstRole(transaction: Queryable, change: RoleChange): Promise<RoleOutcome> {
  const target = await found(transaction, change);
  if (target.kind !== 'found') return target;
  const { account } = target;
  if (account.version !== change.expectedVersion) return { kind: 'stale', account };
  return account.role === change.role ? { kind: 'unchanged', account } : { kind: 'last staff' };
}

/** Why an account is not in another state. */
async function reasonAgainstState(transaction: Queryable, change: StateChange): Promise<StateOutcome> {
  const target = await found(transaction, change);
  if (target.kind !== 'found') return target;
  const { account } = target;
  return account.version === change.expectedVersion
    ? { kind: 'unchanged', account }
    : { kind: 'stale', account };
}

const actorOf = ({ callerId: id }: StaffAction) => ({ id, role: 'STAFF' }) as const;

/** The accounts of the database behind `pool`. */
export function createStaffActions(pool: pg.Pool): StaffActions {
  const inTurn = <Result>(work: (transaction: Queryable) => Promise<Result>): Promise<Result> =>
    inTransaction(pool, async (transaction) => {
      await takeTurn(transaction, {});
      return work(transaction);
    });
  const setState =
    (set: typeof disable, action: 'ACCOUNT_DISABLED' | 'ACCOUNT_ENABLED'): StaffActions['disable'] =>
    (change) =>
      inTurn(async (transaction) => {
        const { userId, callerId, expectedVersion, reason, origin } = change;
        const [account] = await set(transaction, { userId, callerId, expectedVersion });
        if (account === undefined) return reasonAgainstState(transaction, change);
        // When it is enabled, too: links may have been asked for while it was not.
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
        if (changed === undefined) return reasonAgainstRole(transaction, change);
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
        const target = await found(transaction, action);
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
