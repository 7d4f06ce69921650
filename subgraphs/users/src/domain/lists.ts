// Lists for staff, a page at a time: the accounts, and the actions of staff on them.
import { badInput } from '@holdfast/platform/errors';
import { type Connection, pageSize, toConnection } from '@holdfast/platform/graphql/pages';
import { parseId } from '@holdfast/platform/ids';
import { allHandled, came } from '@holdfast/platform/validation';
import { accountCursor, accountSortKey } from '../data/account-pages.ts';
import type { AccountRow } from '../data/account-row.ts';
import type { AccountStore } from '../data/accounts.ts';
import { type AuditEventRow, type AuditEventStore, auditCursor, auditSortKey } from '../data/audit-events.ts';
import type { QueryAuditEventsArgs, QueryUsersArgs } from '../generated/graphql.ts';

/** Both reject with {AppError} BAD_USER_INPUT that names the argument which breaks a rule. */
export interface Lists {
  readonly listAccounts: (query: QueryUsersArgs) => Promise<Connection<AccountRow>>;
  /** A `subject` that is no id gives an empty page. */
  readonly listAuditEvents: (query: QueryAuditEventsArgs) => Promise<Connection<AuditEventRow>>;
}

export interface ListDependencies {
  readonly accounts: Pick<AccountStore, 'page'>;
  readonly auditEvents: AuditEventStore;
}

const PREFIX = /^[A-Za-z0-9_.-]{1,64}$/;

function readPrefix(given: string | null | undefined): string {
  if (given == null) return '';
  if (PREFIX.test(given)) return given.toLowerCase();
  throw badInput(
    'namePrefix',
    `expected 1 to 64 characters, each a letter, a digit or one of _ . -, got ${came(given)}`,
  );
}

export const createLists = ({ accounts, auditEvents }: ListDependencies): Lists => ({
  listAccounts: async ({ first, after, filter, ...others }) => {
    allHandled(others);
    const { namePrefix, role, state, ...rest } = filter ?? {};
    allHandled(rest);
    const size = pageSize(first);
    const rows = await accounts.page({
      limit: size + 1,
      after: after == null ? undefined : accountSortKey(after),
      namePrefix: readPrefix(namePrefix),
      role: role ?? undefined,
      state: state ?? undefined,
    });
    return toConnection(rows, size, after, accountCursor);
  },

  listAuditEvents: async ({ first, after, subject, ...rest }) => {
    allHandled(rest);
    const size = pageSize(first);
    const subjectId = subject == null ? undefined : parseId(subject);
    const query = { limit: size + 1, after: after == null ? undefined : auditSortKey(after), subjectId };
    const rows = subject != null && subjectId === undefined ? [] : await auditEvents.page(query);
    return toConnection(rows, size, after, auditCursor);
  },
});
