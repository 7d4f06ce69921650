// Who a request acts for. Resolvers decide about access by these functions only.
import { AppError } from '../errors.ts';

export type Role = 'CUSTOMER' | 'STAFF';

export interface User {
  readonly kind: 'user';
  readonly id: number;
  readonly role: Role;
  /** Present when the account's e-mail address was verified before the token was issued. */
  readonly emailVerified?: true;
}

/**
 * `invalid`: the request has a token that cannot be trusted. `unverifiable`: it has one, and the keys to check it are not available.
 * A field that reads the viewer never treats either as anonymous. Public fields answer all four kinds.
 */
export type Viewer =
  | User
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'invalid'; readonly reason: string }
  | { readonly kind: 'unverifiable'; readonly cause: unknown };

export const ANONYMOUS: Viewer = { kind: 'anonymous' };

/** @throws {AppError} UNAUTHENTICATED unless the viewer is signed in; SERVICE_UNAVAILABLE when the token cannot be checked */
export function requireUser(viewer: Viewer): User {
  switch (viewer.kind) {
    case 'user':
      return viewer;
    case 'invalid':
      throw new AppError('UNAUTHENTICATED', `The access token cannot be used: ${viewer.reason}.`);
    case 'unverifiable':
      throw new AppError('SERVICE_UNAVAILABLE', 'Access tokens cannot be checked right now.', {
        cause: viewer.cause,
      });
    case 'anonymous':
      throw new AppError(
        'UNAUTHENTICATED',
        'Sign in first: an access token is expected in the Authorization header.',
      );
  }
}

/** The signed-in user, or null for an anonymous viewer. @throws {AppError} as `requireUser` for a token that is not valid */
export function userOrNull(viewer: Viewer): User | null {
  return viewer.kind === 'anonymous' ? null : requireUser(viewer);
}

/** @throws {AppError} UNAUTHENTICATED or FORBIDDEN */
export function requireStaff(viewer: Viewer): User {
  const user = requireUser(viewer);
  if (user.role !== 'STAFF') throw new AppError('FORBIDDEN', 'This needs a staff account.');
  return user;
}

/** @throws {AppError} FORBIDDEN when the token was issued before the account's address was verified */
export function requireVerified(user: User): User {
  if (user.emailVerified !== true)
    throw new AppError(
      'FORBIDDEN',
      'This needs an account whose e-mail address is verified. Open the link that was mailed, then refresh the session.',
    );
  return user;
}

/** Whether the viewer may see the data of the user `ownerId`: that user and staff may. */
export function maySee(viewer: Viewer, ownerId: number): boolean {
  return viewer.kind === 'user' && (viewer.id === ownerId || viewer.role === 'STAFF');
}
