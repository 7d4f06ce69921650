// The actions of staff on accounts: change a role, disable, enable, end sessions. Each is recorded in the security log and in the
// audit trail.

import type { Origin, SecurityEventName, SecurityLog } from '@holdfast/platform/auth/security-events';
import type { User } from '@holdfast/platform/auth/viewer';
import { AppError } from '@holdfast/platform/errors';
import { parseId } from '@holdfast/platform/ids';
import {
  allHandled,
  came,
  check,
  type InvalidInput,
  isPlainText,
  isVisible,
  lengthOf,
} from '@holdfast/platform/validation';
import { z } from 'zod';
import type { AccountRow } from '../data/account-row.ts';
import type { StaffActionStore, StateChange, StateOutcome } from '../data/staff-actions.ts';
import type {
  MutationChangeRoleArgs,
  MutationDisableAccountArgs,
  MutationEnableAccountArgs,
  MutationEndSessionsArgs,
} from '../generated/graphql.ts';
import type { Account } from './accounts.ts';
import {
  LAST_STAFF,
  type LastStaff,
  OWN_ACCOUNT,
  type OwnAccount,
  type UserNotFound,
  type UserVersionConflict,
  userNotFound,
  userVersionConflict,
} from './problems.ts';

type Changed = Account & { readonly __typename: 'User' };

/** The staff member who acts, and where the request came from. */
export interface ActingStaff {
  readonly caller: User;
  readonly origin: Origin;
}

/** Each function rejects with {AppError} FORBIDDEN when the caller's account is no longer staff, although its token says so. */
export interface Administration {
  changeRole(
    change: MutationChangeRoleArgs,
    acting: ActingStaff,
  ): Promise<Changed | UserVersionConflict | UserNotFound | LastStaff>;
  disableAccount(
    change: MutationDisableAccountArgs,
    acting: ActingStaff,
  ): Promise<Changed | UserVersionConflict | UserNotFound | OwnAccount | InvalidInput>;
  enableAccount(
    change: MutationEnableAccountArgs,
    acting: ActingStaff,
  ): Promise<Changed | UserVersionConflict | UserNotFound | InvalidInput>;
  endSessions(
    action: MutationEndSessionsArgs,
    acting: ActingStaff,
  ): Promise<Changed | UserNotFound | InvalidInput>;
}

const MAX_REASON = 500;
const reasonRules = z.strictObject({
  reason: z
    .string()
    .trim()
    .refine((text) => isPlainText(text) && isVisible(text) && lengthOf(text) <= MAX_REASON, {
      error: ({ input }) => `expected 1 to ${MAX_REASON} characters in one line, got ${came(input)}`,
    }),
});

const toChanged = (account: AccountRow): Changed => ({ __typename: 'User', ...account });

const noLongerStaff = (): AppError =>
  new AppError('FORBIDDEN', 'This needs a staff account; your account is no longer staff.');

/** The answer for an action that changed no account. @throws {AppError} FORBIDDEN when the caller is no longer staff */
function explainRefusal(
  outcome: Exclude<StateOutcome, { readonly kind: 'changed' }>,
  userId: string,
  expectedVersion: number,
): Changed | UserVersionConflict | UserNotFound {
  switch (outcome.kind) {
    case 'unchanged':
      return toChanged(outcome.account);
    case 'caller is no staff':
      throw noLongerStaff();
    case 'not found':
      return userNotFound(userId);
    case 'stale':
      return userVersionConflict(expectedVersion, outcome.account);
  }
}

type Details = Readonly<Record<string, string>>;

export interface AdministrationDependencies {
  readonly actions: StaffActionStore;
  readonly record: SecurityLog;
}

export function createAdministration({ actions, record }: AdministrationDependencies): Administration {
  const recordAction = (
    name: SecurityEventName,
    { caller, origin }: ActingStaff,
    userId: number,
    details: Details,
  ) => record(name, { actor: caller, subject: `user ${userId}`, origin, details });

  /** Disables or enables an account. */
  async function setState(
    set: (change: StateChange) => Promise<StateOutcome>,
    event: 'account.disabled' | 'account.enabled',
    { userId: given, expectedVersion, reason: givenReason, ...rest }: MutationDisableAccountArgs,
    acting: ActingStaff,
  ) {
    allHandled(rest);
    const checked = check(reasonRules, { reason: givenReason });
    if (!checked.ok) return checked.invalid;
    const { reason } = checked.value;
    const userId = parseId(given);
    if (userId === undefined) return userNotFound(given);
    const { caller, origin } = acting;
    const outcome = await set({ callerId: caller.id, origin, userId, expectedVersion, reason });
    if (outcome.kind !== 'changed') return explainRefusal(outcome, given, expectedVersion);
    recordAction(event, acting, userId, { reason });
    return toChanged(outcome.account);
  }

  return {
    async changeRole({ userId: given, expectedVersion, role, ...rest }, acting) {
      allHandled(rest);
      const userId = parseId(given);
      if (userId === undefined) return userNotFound(given);
      const { caller, origin } = acting;
      const outcome = await actions.changeRole({
        callerId: caller.id,
        origin,
        userId,
        expectedVersion,
        role,
      });
      if (outcome.kind === 'last staff') return LAST_STAFF;
      if (outcome.kind !== 'changed') return explainRefusal(outcome, given, expectedVersion);
      recordAction('role.changed', acting, userId, { from: outcome.from, to: role });
      return toChanged(outcome.account);
    },

    async disableAccount(change, acting) {
      const result = await setState(actions.disable, 'account.disabled', change, acting);
      // Of all accounts at the expected version, only the caller's own account stays active.
      return result.__typename === 'User' && result.disabledAt === null ? OWN_ACCOUNT : result;
    },

    enableAccount: (change, acting) => setState(actions.enable, 'account.enabled', change, acting),

    async endSessions({ userId: given, reason: givenReason, ...rest }, acting) {
      allHandled(rest);
      const checked = check(reasonRules, { reason: givenReason });
      if (!checked.ok) return checked.invalid;
      const { reason } = checked.value;
      const userId = parseId(given);
      if (userId === undefined) return userNotFound(given);
      const { caller, origin } = acting;
      const outcome = await actions.endSessions({ callerId: caller.id, origin, userId, reason });
      switch (outcome.kind) {
        case 'ended':
          recordAction('sessions.ended', acting, userId, { reason });
          return toChanged(outcome.account);
        case 'caller is no staff':
          throw noLongerStaff();
        case 'not found':
          return userNotFound(given);
      }
    },
  };
}
