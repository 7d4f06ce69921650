// The connections from one service to another. Replicas come and go behind a name. So a connection is neither kept nor left idle
// for long, and each new connection resolves the name again and begins with another address.
import { lookup as lookupInDns } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { isNativeError } from 'node:util/types';
import { Client, type Dispatcher, errors, Pool } from 'undici';

export interface HttpPoolOptions {
  /** Scheme, host and port; the rest of the URL is ignored. */
  readonly url: string;
  readonly connections: number;
  /** The age at which a connection ends after its present reply, ms. It may end a quarter earlier, so that not all end at once. */
  readonly maxAgeMs: number;
  /** The reader of a larger body gets an error (isReplyTooLarge), and the connection ends. */
  readonly maxReplyBytes?: number;
  /** Resolves names instead of the system. */
  readonly lookup?: LookupFunction;
}

/**
 * How long a connection may be idle, ms. Less than any sensible DRAIN_DELAY_MS: while a server drains, the replies tell busy
 * connections to close, and idle connections end before the server closes them. So the server never closes a connection on
 * which a request is under way.
 */
export const MAX_IDLE_MS = 1_000;

const CONNECT_TIMEOUT_MS = 2_000;

/** Larger than any reply between services needs to be. */
export const MAX_REPLY_BYTES = 8_000_000;

/** Whether reading a reply failed because it is larger than `maxReplyBytes`. */
export const isReplyTooLarge = (error: unknown): boolean =>
  error instanceof errors.ResponseExceededMaxSizeError;

/** Whether the service could not be reached, or closed the connection before its reply. */
export const isConnectionLost = (error: unknown): boolean =>
  error instanceof errors.SocketError ||
  error instanceof errors.ConnectTimeoutError ||
  // Node's errors: connection refused, name unknown, address unreachable; with several addresses, one error for each.
  (isNativeError(error) && ('syscall' in error || ('errors' in error && areConnectionsLost(error.errors))));

const areConnectionsLost = (causes: unknown): boolean =>
  Array.isArray(causes) && causes.every(isConnectionLost);

/** A connection that sends `connection: close` with the first request after its maximum age. */
class AgeingClient extends Client {
  #endsAt = Number.POSITIVE_INFINITY;

  constructor(url: URL, options: Client.Options, maxAgeMs: number) {
    super(url, options);
    this.on('connect', () => {
      this.#endsAt = performance.now() + maxAgeMs * (1 - Math.random() / 4);
    });
  }

  // undici's own `clientTtl` closes a client whose queue may still have requests, and those then hang.
  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    const reset = performance.now() > this.#endsAt;
    return super.dispatch(reset ? { ...options, reset } : options, handler);
  }
}

/** A pool of connections to one origin. It sends every request once. */
export function createHttpPool({
  url,
  connections,
  maxAgeMs,
  maxReplyBytes = MAX_REPLY_BYTES,
  lookup,
}: HttpPoolOptions): Pool {
  return new Pool(new URL(url).origin, {
    connections,
    maxResponseSize: maxReplyBytes,
    // Each caller has its own deadline.
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: MAX_IDLE_MS,
    // Without this, undici would keep a connection for as long as the server announces.
    keepAliveMaxTimeout: MAX_IDLE_MS,
    // When an address does not answer, undici tries the next one.
    connect: {
      timeout: CONNECT_TIMEOUT_MS,
      autoSelectFamily: true,
      lookup: rotateAddresses(lookup ?? lookupInDns),
    },
    factory: (origin, options) => new AgeingClient(origin, options, maxAgeMs),
  });
}

/** Resolvers sort their answers, so all clients would begin with the same address. This begins with each address in turn. */
function rotateAddresses(lookup: LookupFunction): LookupFunction {
  let turn = Math.floor(Math.random() * 1_000);
  return (hostname, options, callback) =>
    lookup(hostname, options, (error, found, family) => {
      if (error || !Array.isArray(found) || found.length < 2) return callback(error, found, family);
      turn += 1;
      const first = turn % found.length;
      callback(null, [...found.slice(first), ...found.slice(0, first)], family);
    });
}
