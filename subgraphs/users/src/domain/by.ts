// Who changes an account, and where the request came from, for security events.
import type { Actor, Origin, SecurityEventName, SecurityLog } from '@holdfast/platform/auth/security-events';
import type { Viewer } from '@holdfast/platform/auth/viewer';

export interface By {
  readonly viewer: Viewer;
  readonly origin: Origin;
}

const actorOf = (viewer: Viewer): Actor => (viewer.kind === 'user' ? viewer : 'anonymous');

/** Records a change of the account `id` in the security log. */
export type RecordEvent = (name: SecurityEventName, id: number, by: By) => void;

export const createRecordEvent =
  (log: SecurityLog): RecordEvent =>
  (name, id, { viewer, origin }) =>
    log(name, { actor: actorOf(viewer), subject: `user ${id}`, origin });
