// The audit trail in PostgreSQL: a row for each action of staff on an account, written in the transaction of the action. The
// database role of the service may insert and read rows, but not change or delete them.
import { AuditAction, type AuditEvent } from '@holdfast/database';
import type { Origin } from '@holdfast/platform/auth/security-events';
import type { Role } from '@holdfast/platform/auth/viewer';
import { decodeCursor, encodeCursor, MAX_PAGE } from '@holdfast/platform/graphql/pages';
import { parseOrderId } from '@holdfast/platform/ids';
import type { Queryable } from '@holdfast/platform/postgres/database';
import {
  bigint,
  type ColumnsOf,
  enumeration,
  integer,
  nullable,
  type RowOf,
  selectList,
  statement,
  text,
  timestamptz,
} from '@holdfast/platform/postgres/sql';
import { ROLE } from './account-row.ts';

const ACTION = enumeration('users.audit_action', AuditAction);

const AUDIT_EVENT = {
  id: bigint,
  createdAt: timestamptz,
  action: ACTION,
  /** Null for the operator of the system, as is the role. */
  actorId: nullable(integer),
  actorRole: nullable(ROLE),
  subjectId: integer,
  reason: nullable(text),
  oldRole: nullable(ROLE),
  newRole: nullable(ROLE),
  address: nullable(text),
  requestId: nullable(text),
} satisfies ColumnsOf<AuditEvent>;
export type AuditEventRow = RowOf<typeof AUDIT_EVENT>;

/** The user who acts, or the operator of the system. */
export type AuditActor = { readonly id: number; readonly role: Role } | 'system';

export interface NewAuditEvent {
  readonly actor: AuditActor;
  readonly action: AuditAction;
  readonly subjectId: number;
  readonly reason?: string;
  /** Only for a change of the role. */
  readonly roles?: { readonly old: Role; readonly new: Role };
  readonly origin: Origin;
}

const insert = statement({
  name: 'users_audit_event_insert',
  text: `INSERT INTO users.audit_events
           (action, actor_id, actor_role, subject_id, reason, old_role, new_role, address, request_id)
         VALUES ($action, $actorId, $actorRole, $subjectId, $reason, $oldRole, $newRole,
                 left($address, 64), left($requestId, 64))`,
  parameters: {
    action: ACTION,
    actorId: nullable(integer),
    actorRole: nullable(ROLE),
    subjectId: integer,
    reason: nullable(text),
    oldRole: nullable(ROLE),
    newRole: nullable(ROLE),
    address: nullable(text),
    requestId: nullable(text),
  },
  row: {},
});

/** Writes the event in the transaction of the action. */
export async function recordAuditEvent(transaction: Queryable, event: NewAuditEvent): Promise<void> {
  const { actor, action, subjectId, reason, roles, origin } = event;
  await insert(transaction, {
    action,
    actorId: actor === 'system' ? null : actor.id,
    actorRole: actor === 'system' ? null : actor.role,
    subjectId,
    reason: reason ?? null,
    oldRole: roles?.old ?? null,
    newRole: roles?.new ?? null,
    address: origin.address ?? null,
    requestId: origin.requestId ?? null,
  });
}

const LIST = 'auditEvents';
export const auditCursor = ({ id }: AuditEventRow): string => encodeCursor(LIST, [String(id)]);
/** The id in a cursor. @throws {AppError} BAD_USER_INPUT when the text is no cursor of this list */
export const auditSortKey = (cursor: string): number | undefined =>
  parseOrderId(decodeCursor(LIST, 1, cursor)[0] ?? '');

/** The longest page is a constant in the SQL, so that PostgreSQL plans for few rows. */
const declarePage = (name: string, where: string) =>
  statement({
    name,
    text: `SELECT ${selectList(AUDIT_EVENT)} FROM (
             SELECT * FROM users.audit_events WHERE ${where} ORDER BY id DESC LIMIT ${MAX_PAGE + 1}
           ) AS page ORDER BY id DESC LIMIT $limit`,
    parameters: { before: bigint, limit: bigint },
    optional: { subjectId: integer },
    row: AUDIT_EVENT,
  });
const pageOfAll = declarePage('users_audit_page', 'id < $before');
const pageOfSubject = declarePage('users_audit_page_subject', 'subject_id = $subjectId AND id < $before');

export interface AuditPageQuery {
  readonly limit: number;
  /** The page begins after this id. */
  readonly after: number | undefined;
  readonly subjectId: number | undefined;
}

/** At most `limit` events (never more than 101), newest first. */
function selectAuditPage(
  db: Queryable,
  { limit, after: before = Number.MAX_SAFE_INTEGER, subjectId }: AuditPageQuery,
): Promise<AuditEventRow[]> {
  const select = subjectId === undefined ? pageOfAll : pageOfSubject;
  return select(db, { limit, before, subjectId });
}

export interface AuditEventStore {
  /** Newest first. */
  page(query: AuditPageQuery): Promise<AuditEventRow[]>;
}

/** The events of the database behind `reads`. */
export const createAuditEventStore = (reads: Queryable): AuditEventStore => ({
  page: (query) => selectAuditPage(reads, query),
});
