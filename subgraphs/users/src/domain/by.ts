// Who asks for a change of an account, and from where: what security events tell.
import type { Actor, Origin, SecurityEventName, SecurityLog } from '@holdfast/platform/auth/security-events';
import type { Viewer } from '@holdfast/platform/auth/viewer';

export interface By {
  readonly viewer: Viewer;
  readonly origin: Origin;
}

const actorOf = (viewer: Viewer): Actor => (viewer.kind === 'user' ? viewer : 'anonymous');

/** Tells of what was done to the account `id`. */
export type NoteEvent = (name: SecurityEventName, id: number, by: By) => void;

export const createNoteEvent =
  (log: SecurityLog): NoteEvent =>
  (name, id, { viewer, origin }) =>
    log(name, { actor: actorOf(viewer), subject: `user ${id}`, origin });
