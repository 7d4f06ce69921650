// Security events: lines of their own kind, for those who watch accounts. Their names and members are a contract with alerts
// and searches (docs/security.md); no caller chooses them.
import type { Logger } from '../observability/log.ts';
import type { User } from './viewer.ts';

/** Every name there is. */
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

/** Who did it: a signed-in user, the service itself, or a caller who has not shown who they are. */
export type Actor = Pick<User, 'id' | 'role'> | 'system' | 'anonymous';

/** From where it was done. */
export interface Origin {
  /** The client's address as the gateway sees it; undefined when no client asked. */
  readonly address: string | undefined;
  readonly requestId: string | undefined;
}

export const NO_ORIGIN: Origin = { address: undefined, requestId: undefined };

export interface SecurityEvent {
  readonly actor: Actor;
  /** What it was done to, as `user 7`, `product 3`, `order 12` or `key …`; undefined when there is no such thing. */
  readonly subject: string | undefined;
  readonly origin: Origin;
  /** What else helps to understand it, without secrets. */
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
