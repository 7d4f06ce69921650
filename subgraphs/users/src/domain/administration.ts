// What staff do to accounts: roles, disabling, ending of sessions. Each is told in the security log, and in the audit trail.

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
import type { AccountRow } from '../data/accounts.ts';
import type { StaffActions, StateChange, StateOutcome } from '../data/staff-actions.ts';
import type {
  MutationChangeRoleArgs,
  MutationDisableAccountArgs,
  MutationEnableAccountArgs,
  MutationEndSessionsArgs,
} from '../generated/graphql.ts';
import { countConflict } from '../metrics.ts';
import type { Account } from './accounts.ts';

type Problem<Name extends string, Code extends string> = {
  readonly __typename: Name;
  readonly code: Code;
  readonly message: string;
};
type Changed = Account & { readonly __typename: 'User' };
type VersionConflict = Problem<'UserVersionConflict', 'VERSION_CONFLICT'> & {
  readonly currentVersion: number;
  readonly current: Account;
};
type NotFound = Problem<'UserNotFound', 'USER_NOT_FOUND'>;
type LastStaff = Problem<'LastStaff', 'LAST_STAFF'>;
type OwnAccount = Problem<'OwnAccount', 'OWN_ACCOUNT'>;

/** Who acts, and from where. */
export interface Acting {
  readonly caller: User;
  readonly origin: Origin;
}

/** @throws {AppError} FORBIDDEN, each of them, when the caller has been staff and is not any more */
export interface Administration {
  /** Gives the account a role if it is at the expected version. */
  changeRole(
    acting: Acting,
    change: MutationChangeRoleArgs,
  ): Promise<Changed | VersionConflict | NotFound | LastStaff>;
  disable(
    acting: Acting,
    change: MutationDisableAccountArgs,
  ): Promise<Changed | VersionConflict | NotFound | OwnAccount | InvalidInput>;
  enable(
    acting: Acting,
    change: MutationEnableAccountArgs,
  ): Promise<Changed | VersionConflict | NotFound | InvalidInput>;
  endSessions(acting: Acting, action: MutationEndSessionsArgs): Promise<Changed | NotFound | InvalidInput>;
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

const done = (account: AccountRow): Changed => ({ __typename: 'User', ...account });

const notFound = (userId: string): NotFound => ({
  __typename: 'UserNotFound',
  code: 'USER_NOT_FOUND',
  message: `There is no user ${came(userId)}.`,
});

function stale(expectedVersion: number, current: AccountRow): VersionConflict {
  countConflict();
  return {
    __typename: 'UserVersionConflict',
    code: 'VERSION_CONFLICT',
    message: `Version ${expectedVersion} was expected; the user is at version ${current.version} by now.`,
    currentVersion: current.version,
    current,
  };
}

const LAST_STAFF: LastStaff = {
  __typename: 'LastStaff',
  code: 'LAST_STAFF',
  message: 'Another staff account that can log in is expected first: this is the last one.',
};

const OWN_ACCOUNT: OwnAccount = {
  __typename: 'OwnAccount',
  code: 'OWN_ACCOUNT',
  message: 'Another account is expected: staff cannot disable the one that they act with.',
};

const noStaff = (): AppError =>
  new AppError('FORBIDDEN', 'This needs a staff account; yours is none any more.');

/** The answer to an action that has done nothing. @throws {AppError} FORBIDDEN when the caller is no staff any more */
function withoutChange(
  outcome: Exclude<StateOutcome, { readonly kind: 'changed' }>,
  userId: string,
  expectedVersion: number,
): Changed | VersionConflict | NotFound {
  switch (outcome.kind) {
    case 'unchanged':
      return done(outcome.account);
    case 'caller is no staff':
      throw noStaff();
    case 'not found':
      return notFound(userId);
    case 'stale':
      return stale(expectedVersion, outcome.account);
  }
}

type Details = Readonly<Record<string, string>>;

export function createAdministration(actions: StaffActions, securityLog: SecurityLog): Administration {
  const tell = (name: SecurityEventName, { caller, origin }: Acting, userId: number, details: Details) =>
    securityLog(name, { actor: caller, subject: `user ${userId}`, origin, details });

  /** The part that disabling and enabling have in common. */
  async function setState(
    set: (change: StateChange) => Promise<StateOutcome>,
    event: 'account.disabled' | 'account.enabled',
    acting: Acting,
    { userId: given, expectedVersion, reason: givenReason, ...rest }: MutationDisableAccountArgs,
  ) {
    allHandled(rest);
    const checked = check(reasonRules, { reason: givenReason });
    if (!checked.ok) return checked.invalid;
    const { reason } = checked.value;
    const userId = parseId(given);
    if (userId === undefined) return notFound(given);
    const { caller, origin } = acting;
    const outcome = await set({ callerId: caller.id, origin, userId, expectedVersion, reason });
    if (outcome.kind !== 'changed') return withoutChange(outcome, given, expectedVersion);
    tell(event, acting, userId, { reason });
    return done(outcome.account);
  }

  return {
    async changeRole(acting, { userId: given, expectedVersion, role, ...rest }) {
      allHandled(rest);
      const userId = parseId(given);
      if (userId === undefined) return notFound(given);
      const { caller, origin } = acting;
      const outcome = await actions.changeRole({
        callerId: caller.id,
        origin,
        userId,
        expectedVersion,
        role,
      });
      if (outcome.kind === 'last staff') return LAST_STAFF;
      if (outcome.kind !== 'changed') return withoutChange(outcome, given, expectedVersion);
      tell('role.changed', acting, userId, { from: outcome.from, to: role });
      return done(outcome.account);
    },

    async disable(acting, change) {
      const result = await setState(actions.disable, 'account.disabled', acting, change);
      // Only the caller's own account stays active.
      return result.__typename === 'User' && result.disabledAt === null ? OWN_ACCOUNT : result;
    },

    enable: (acting, change) => setState(actions.enable, 'account.enabled', acting, change),

    async endSessions(acting, { userId: given, reason: givenReason, ...rest }) {
      allHandled(rest);
      const checked = check(reasonRules, { reason: givenReason });
      if (!checked.ok) return checked.invalid;
      const { reason } = checked.value;
      const userId = parseId(given);
      if (userId === undefined) return notFound(given);
      const { caller, origin } = acting;
      const outcome = await actions.endSessions({ callerId: caller.id, origin, userId, reason });
      switch (outcome.kind) {
        case 'ended':
          tell('sessions.ended', acting, userId, { reason });
          return done(outcome.account);
        case 'caller is no staff':
          throw noStaff();
        case 'not found':
          return notFound(given);
      }
    },
  };
}
