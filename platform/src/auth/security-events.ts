// Security events: log lines of their own kind, for operators who watch accounts. Alerts and searches rely on their names and
// members (docs/security.md); no caller chooses them.
import type { Logger } from '../observability/log.ts';
import type { User } from './viewer.ts';

/** The names of all security events. */
export const SECURITY_EVENTS = [
  'login.ok',
  'login.failed',
  'login.limited',
  'refresh.reused',
  'password.changed',
  'password.reset',
  'email.changed',
  'email.verified',
  'sessions.ended',
  'role.changed',
  'account.disabled',
  'account.enabled',
  'price.changed',
  'order.cancelled_by_staff',
  'key.rotated',
] as const;

export type SecurityEventName = (typeof SECURITY_EVENTS)[number];

/** Who did it: a signed-in user, the service itself, or a caller who has not signed in. */
export type Actor = Pick<User, 'id' | 'role'> | 'system' | 'anonymous';

/** Where the request came from. */
export interface Origin {
  /** The client's address as the gateway sees it; undefined when no client sent a request. */
  readonly address: string | undefined;
  readonly requestId: string | undefined;
}

export const NO_ORIGIN: Origin = { address: undefined, requestId: undefined };

export interface SecurityEvent {
  readonly actor: Actor;
  /** What it was done to, as `user 7`, `product 3`, `order 12` or `key …`; undefined when the event has no subject. */
  readonly subject: string | undefined;
  readonly origin: Origin;
  /** Further facts, without secrets. */
  readonly details?: Readonly<Record<string, string | number | boolean | null>>;
}

/** Writes security events. */
export type SecurityLog = (name: SecurityEventName, event: SecurityEvent) => void;

export function createSecurityLog(log: Logger): SecurityLog {
  return (name, { actor, subject, origin: { address, requestId }, details }) => {
    const who = typeof actor === 'string' ? { actor } : { actor: `user ${actor.id}`, actorRole: actor.role };
    log.info(
      { event: name, ...who, subject, address, requestId, ...(details && { details }) },
      'security event',
    );
  };
}
