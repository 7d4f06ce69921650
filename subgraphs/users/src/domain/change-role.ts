// Roles: staff makes others staff and customers, and never ends up without anybody.
import { AppError } from '@holdfast/platform/errors';
import { parseId } from '@holdfast/platform/ids';
import { allHandled, came } from '@holdfast/platform/validation';
import type { AccountRow } from '../data/accounts.ts';
import type { RoleStore } from '../data/roles.ts';
import type { MutationChangeRoleArgs } from '../generated/graphql.ts';
import { countConflict } from '../metrics.ts';
import type { Account } from './accounts.ts';

type Problem<Name extends string, Code extends string> = {
  readonly __typename: Name;
  readonly code: Code;
  readonly message: string;
};

export type RoleChanged =
  | (Account & { readonly __typename: 'User' })
  | (Problem<'UserVersionConflict', 'VERSION_CONFLICT'> & {
      readonly currentVersion: number;
      readonly current: Account;
    })
  | Problem<'UserNotFound', 'USER_NOT_FOUND'>
  | Problem<'LastStaff', 'LAST_STAFF'>;

/**
 * Gives the account of the id `userId` a role if it is at `expectedVersion`.
 * @throws {AppError} FORBIDDEN when the caller has been staff and is not any more
 */
export type ChangeRole = (callerId: number, change: MutationChangeRoleArgs) => Promise<RoleChanged>;

const notFound = (userId: string): RoleChanged => ({
  __typename: 'UserNotFound',
  code: 'USER_NOT_FOUND',
  message: `There is no user ${came(userId)}.`,
});

const stale = (expectedVersion: number, current: AccountRow): RoleChanged => ({
  __typename: 'UserVersionConflict',
  code: 'VERSION_CONFLICT',
  message: `Version ${expectedVersion} was expected; the user is at version ${current.version} by now.`,
  currentVersion: current.version,
  current,
});

const LAST_STAFF: RoleChanged = {
  __typename: 'LastStaff',
  code: 'LAST_STAFF',
  message: 'Another staff account is expected first: this is the last one.',
};

export function createChangeRole(roles: RoleStore): ChangeRole {
  return async (callerId, { userId: given, expectedVersion, role, ...rest }) => {
    allHandled(rest);
    const userId = parseId(given);
    if (userId === undefined) return notFound(given);
    const outcome = await roles.change({ callerId, userId, expectedVersion, role });
    switch (outcome.kind) {
      case 'changed':
        return { __typename: 'User', ...outcome.account };
      case 'caller is no staff':
        throw new AppError('FORBIDDEN', 'This needs a staff account; yours is none any more.');
      case 'not found':
        return notFound(given);
      case 'stale':
        countConflict();
        return stale(expectedVersion, outcome.account);
      case 'last staff':
        return LAST_STAFF;
    }
  };
}
