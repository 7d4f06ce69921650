// Who sent a request: the address that it is counted by, and the user whose token it brings.

import type { TokenVerifier } from '@holdfast/platform/auth/tokens';
import { ANONYMOUS, type Viewer } from '@holdfast/platform/auth/viewer';
import type { HttpRequest } from '@holdfast/platform/http/server';
import { nothingReceived, type Received } from '../federation/reply-sizes.ts';
import { clientAddress } from './client-address.ts';
import type { Count } from './limiter.ts';

export interface Caller {
  readonly request: HttpRequest;
  readonly address: string;
  readonly viewer: Viewer;
  /** Undefined unless signed in. */
  readonly userId: number | undefined;
  /** What the request has met of limits so far. */
  readonly counts: Count[];
  readonly received: Received;
}

/** Finds out who sends requests. */
export type Identify = (request: HttpRequest) => Promise<Caller>;

export function createIdentify(verify: TokenVerifier, trustedProxies: number): Identify {
  return async (request) => {
    // A request that is not fit to be read has no caller but its address.
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
      received: nothingReceived(),
    };
  };
}
