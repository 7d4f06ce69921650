// Lists for staff, a page at a time: the accounts, and what was done to them.
import { badInput } from '@holdfast/platform/errors';
import { type Connection, pageSize, toConnection } from '@holdfast/platform/graphql/pages';
import { parseId } from '@holdfast/platform/ids';
import { allHandled, came } from '@holdfast/platform/validation';
import { type AccountPageQuery, accountCursor, accountSortKey } from '../data/account-pages.ts';
import type { AccountRow } from '../data/accounts.ts';
import { type AuditEventRow, type AuditPageQuery, auditCursor, auditSortKey } from '../data/audit-events.ts';
import type { QueryAuditEventsArgs, QueryUsersArgs } from '../generated/graphql.ts';

export type ListAccounts = (query: QueryUsersArgs) => Promise<Connection<AccountRow>>;
export type ListAuditEvents = (query: QueryAuditEventsArgs) => Promise<Connection<AuditEventRow>>;

const PREFIX = /^[A-Za-z0-9_.-]{1,64}$/;

function readPrefix(given: string | null | undefined): string {
  if (given == null) return '';
  if (PREFIX.test(given)) return given.toLowerCase();
  throw badInput('namePrefix', `expected 1 to 64 of letters, digits and _ . -, got ${came(given)}`);
}

/** @throws {AppError} BAD_USER_INPUT, the list, naming the argument that breaks a rule */
export const createListAccounts =
  (read: (page: AccountPageQuery) => Promise<AccountRow[]>): ListAccounts =>
  async ({ first, after, filter, ...others }) => {
    allHandled(others);
    const { namePrefix, role, state, ...rest } = filter ?? {};
    allHandled(rest);
    const size = pageSize(first);
    const rows = await read({
      limit: size + 1,
      after: after == null ? undefined : accountSortKey(after),
      namePrefix: readPrefix(namePrefix),
      role: role ?? undefined,
      state: state ?? undefined,
    });
    return toConnection(rows, size, after, accountCursor);
  };

/** A subject that is no id gives an empty page. @throws {AppError} as the list of accounts */
export const createListAuditEvents =
  (read: (page: AuditPageQuery) => Promise<AuditEventRow[]>): ListAuditEvents =>
  async ({ first, after, subject, ...rest }) => {
    allHandled(rest);
    const size = pageSize(first);
    const subjectId = subject == null ? undefined : parseId(subject);
    const query = { limit: size + 1, after: after == null ? undefined : auditSortKey(after), subjectId };
    const rows = subject != null && subjectId === undefined ? [] : await read(query);
    return toConnection(rows, size, after, auditCursor);
  };
