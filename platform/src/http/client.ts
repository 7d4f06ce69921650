// The connections that one service keeps to another. Instances come and go behind a name, so a connection is neither
// kept for long nor left idle for long, and each new one resolves the name again and starts at another address.
import { lookup as lookupInDns } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { isNativeError } from 'node:util/types';
import { Client, type Dispatcher, errors, Pool } from 'undici';

export interface HttpPoolOptions {
  /** Scheme, host and port; what follows them is not looked at. */
  readonly url: string;
  readonly connections: number;
  /** The age at which a connection ends after its reply, ms; up to a quarter earlier, so that not all end at once. */
  readonly maxAgeMs: number;
  /** A body that is larger is not read on: its connection ends, and the reader gets an error (isReplyTooLarge). */
  readonly maxReplyBytes?: number;
  /** How names are resolved, when not by the system. */
  readonly lookup?: LookupFunction;
}

/**
 * How long a connection may be idle, ms. Less than any sensible DRAIN_DELAY_MS: while a server drains, a connection
 * that is used learns so from the reply, and one that is not used is gone before the server closes it. A request is
 * therefore never on its way to a server that hangs up.
 */
export const MAX_IDLE_MS = 1_000;

const CONNECT_TIMEOUT_MS = 2_000;

/** No reply between services has a reason to be larger. */
export const MAX_REPLY_BYTES = 8_000_000;

/** Whether reading a reply failed because it is larger than `maxReplyBytes`. */
export const isReplyTooLarge = (error: unknown): boolean =>
  error instanceof errors.ResponseExceededMaxSizeError;

/** Whether no service was at the other end, or it hung up before it replied. */
export const isConnectionLost = (error: unknown): boolean =>
  error instanceof errors.SocketError ||
  error instanceof errors.ConnectTimeoutError ||
  // Of Node: refused, unknown, unreachable; of several addresses, an error for each.
  (isNativeError(error) && ('syscall' in error || ('errors' in error && areConnectionsLost(error.errors))));

const areConnectionsLost = (causes: unknown): boolean =>
  Array.isArray(causes) && causes.every(isConnectionLost);

/** A connection that says `connection: close` with the first request after its time is up. */
class AgeingClient extends Client {
  #endsAt = Number.POSITIVE_INFINITY;

  constructor(url: URL, options: Client.Options, maxAgeMs: number) {
    super(url, options);
    this.on('connect', () => {
      this.#endsAt = performance.now() + maxAgeMs * (1 - Math.random() / 4);
    });
  }

  // undici's own `clientTtl` closes a client that requests may still be queued for, and then they hang.
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
    // Every caller has a deadline of its own.
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: MAX_IDLE_MS,
    // Servers say how long they would keep a connection, and undici would believe them.
    keepAliveMaxTimeout: MAX_IDLE_MS,
    // Of several addresses the next is tried when one does not answer.
    connect: { timeout: CONNECT_TIMEOUT_MS, autoSelectFamily: true, lookup: inTurns(lookup ?? lookupInDns) },
    factory: (origin, options) => new AgeingClient(origin, options, maxAgeMs),
  });
}

/** Resolvers sort their answers, and everybody would begin with the same one: this begins with each in turn. */
function inTurns(lookup: LookupFunction): LookupFunction {
  let turn = Math.floor(Math.random() * 1_000);
  return (hostname, options, callback) =>
    lookup(hostname, options, (error, found, family) => {
      if (error || !Array.isArray(found) || found.length < 2) return callback(error, found, family);
      turn += 1;
      const first = turn % found.length;
      callback(null, [...found.slice(first), ...found.slice(0, first)], family);
    });
}
