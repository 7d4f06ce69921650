// Who sent a request: the address that the limits count, and the user of the access token.

import type { TokenVerifier } from '@holdfast/platform/auth/tokens';
import { ANONYMOUS, type Viewer } from '@holdfast/platform/auth/viewer';
import type { HttpRequest } from '@holdfast/platform/http/server';
import { createReceived, type Received } from '../federation/reply-sizes.ts';
import { clientAddress } from './client-address.ts';
import type { Count } from './limiter.ts';

export interface Caller {
  readonly request: HttpRequest;
  readonly address: string;
  readonly viewer: Viewer;
  /** Undefined for a caller who is not signed in. */
  readonly userId: number | undefined;
  /** The counts of the limits that the request has met so far. */
  readonly counts: Count[];
  readonly received: Received;
}

/** Finds the caller of a request. */
export type Identify = (request: HttpRequest) => Promise<Caller>;

export function createIdentify(verify: TokenVerifier, trustedProxies: number): Identify {
  return async (request) => {
    // The gateway does not check the token of a malformed request: its caller is known by the address only.
    const viewer = request.error ? ANONYMOUS : await verify(request.headers.authorization);
    const userId = viewer.kind === 'user' ? viewer.id : undefined;
    if (userId !== undefined) request.trail.userId = userId;
    const address = clientAddress(request, trustedProxies);
    request.trail.address = address;
    return {
      request,
      address,
      viewer,
      userId,
      counts: [],
      received: createReceived(),
    };
  };
}
