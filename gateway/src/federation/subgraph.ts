// Calls one subgraph: posts an operation over a keep-alive pool and reads the reply.

import { SERVICE_TOKEN_HEADER } from '@holdfast/platform/auth/service-tokens';
import { AppError, CallerGone } from '@holdfast/platform/errors';
import { createHttpPool, isConnectionLost, isReplyTooLarge } from '@holdfast/platform/http/client';
import {
  CLIENT_ADDRESS_HEADER,
  type HttpRequest,
  REQUEST_ID_HEADER,
  TIMEOUT_HEADER,
} from '@holdfast/platform/http/server';
import { traceHeaders } from '@holdfast/platform/observability/tracing';
import { GraphQLError } from 'graphql';
import { LRUCache } from 'lru-cache';
import type { ByteGate } from './byte-gate.ts';
import type { SubgraphCall, SubgraphReply } from './execution/execution.ts';
import { Late, post, TooLarge } from './post.ts';
import type { Received, ReplySizes } from './reply-sizes.ts';
import { measureSubgraph, type SubgraphOutcome } from './subgraph-metrics.ts';
import { NotRun, readReply, readSdl } from './subgraph-reply.ts';

export interface SubgraphOptions {
  /** The name of the subgraph, which callers see when it does not answer. */
  readonly name: string;
  /** The URL of its GraphQL endpoint, which no caller sees. */
  readonly url: string;
  /** The longest that a query may take, ms, with all repetitions. */
  readonly timeoutMs: number;
  readonly connections: number;
  readonly connectionMaxAgeMs: number;
  readonly replySizes: ReplySizes;
  /** The gate for large replies, which all subgraphs share. */
  readonly gate: ByteGate;
  /** Gives the value of `Service-Authorization` for this subgraph. */
  readonly serviceToken: () => Promise<string>;
}

/** The request of the client that a call is made for. */
export interface CalledFor {
  /** The address of the client, as the limits count it. */
  readonly address: string;
  readonly request: HttpRequest;
  readonly received: Received;
}

/** No instance could be reached, or the instance has not answered in time. */
export class Silent extends Error {}

export interface Subgraph {
  /**
   * Sends the call exactly once, because a mutation may have been executed even if its reply was lost. The call is sent again
   * only when an instance reports that it has not run it because its schema differs. Errors beside data are passed on. No
   * reply, a late reply, a reply that is not GraphQL, and a call that no instance runs are SERVICE_UNAVAILABLE, with the
   * reason as the cause, for the log. A reply that is too large is QUERY_TOO_COMPLEX, and is not read to its end.
   * @throws {GraphQLError} with the path of what is missing
   */
  call(call: SubgraphCall, calledFor: CalledFor): Promise<SubgraphReply>;
  /** Fetches the SDL of one instance, over a new connection. @throws {Silent} and an Error for a reply without an SDL */
  sdl(): Promise<string>;
  /** Closes the connections, after the calls in progress were answered. */
  close(): Promise<void>;
}

/**
 * How often a call that is not run is sent. If each new connection reaches a random instance, and half of the instances run
 * the older version, one call in a thousand reaches only those. If a load balancer prefers an instance, all ten may reach it.
 */
const MOST_SENT = 10;
/**
 * For how long a text that no instance has run is sent only once, ms, unless an instance runs it meanwhile. Otherwise a
 * difference of the schemas that stays, as after a rollback, would cost ten times as many calls.
 */
const SENT_ONCE_MS = 1_000;
/** How many characters of such texts are kept. */
const KEPT_CHARACTERS = 1_000_000;
const SDL_TIMEOUT_MS = 2_000;
const SDL_QUERY = JSON.stringify({ query: '{ _service { sdl } }' });

export function createSubgraph(options: SubgraphOptions): Subgraph {
  const { name, url, timeoutMs, connections, connectionMaxAgeMs: maxAgeMs, replySizes, gate } = options;
  const { pathname: path } = new URL(url);
  const kept = createHttpPool({ url, connections, maxAgeMs, maxReplyBytes: replySizes.max });
  /** A pool whose connections end after one reply, so that the load balancer chooses an instance for each request. */
  const fresh = createHttpPool({ url, connections, maxAgeMs, maxReplyBytes: replySizes.max });
  const measure = measureSubgraph(name);

  /** The calls that no instance has run recently, by `keyOfCall`. */
  const notRun = new LRUCache<string, true>({
    maxSize: KEPT_CHARACTERS,
    sizeCalculation: (_, key) => key.length,
    ttl: SENT_ONCE_MS,
  });

  async function send(call: SubgraphCall, calledFor: CalledFor, endsAt: number, isFirst: boolean) {
    const { body, isMutation } = call;
    const { request, address, received } = calledFor;
    const waitMs = endsAt - Date.now();
    if (waitMs <= 0) throw new Late('the request had no time left');
    const headers = headersOfCall(request, address, waitMs, await options.serviceToken());
    const reply = await post(
      isFirst ? kept : fresh,
      { path, headers, body, reset: !isFirst },
      {
        waitMs,
        gate,
        fits: (bytes) => replySizes.add(received, bytes, isMutation),
        // Wait for a mutation even if the caller disconnects, so that the log and the next steps know its outcome.
        caller: isMutation ? undefined : request,
      },
    );
    return readReply(reply);
  }

  async function sendUntilRun(call: SubgraphCall, calledFor: CalledFor): Promise<SubgraphReply> {
    // A mutation may take long, such as placing an order; a long query would delay the rest of the reply.
    const longestMs = call.isMutation ? Number.POSITIVE_INFINITY : timeoutMs;
    const endsAt = Math.min(Date.now() + longestMs, calledFor.request.deadlineAt);
    let refused: string | undefined;
    for (let sent = 1; ; sent += 1) {
      const startedAt = performance.now();
      try {
        const reply = await send(call, calledFor, endsAt, sent === 1);
        measure(reply.errors ? 'graphql_error' : 'ok', startedAt);
        notRun.delete(call.text);
        return reply;
      } catch (cause) {
        measure(callOutcomeOf(cause), startedAt);
        const isRefused = cause instanceof NotRun && cause.isOfAnotherSchema;
        if (isRefused) refused = keyOfCall(call, cause);
        if (refused === undefined) throw cause;
        const isKnown = notRun.has(refused);
        if (isRefused && !isKnown && sent < MOST_SENT && Date.now() < endsAt) continue;
        // Do not extend the time of a known text, so that it is tried again afterwards.
        if (!isKnown) notRun.set(refused, true);
        throw cause;
      }
    }
  }

  return {
    call: async (call, calledFor) => {
      try {
        return await sendUntilRun(call, calledFor);
      } catch (cause) {
        throw errorAt(
          callOutcomeOf(cause) === 'too_large'
            ? replySizes.refuse(calledFor.received, call.isMutation)
            : createUnavailable(name, cause),
          call,
        );
      }
    },
    sdl: async () => {
      const headers = { ...JSON_BOTH_WAYS, [SERVICE_TOKEN_HEADER]: await options.serviceToken() };
      const bounds = { waitMs: SDL_TIMEOUT_MS, gate, fits: () => true, caller: undefined };
      const reply = await post(fresh, { path, headers, body: SDL_QUERY, reset: true }, bounds).catch(
        (cause: unknown) => {
          throw cause instanceof Late || isConnectionLost(cause)
            ? new Silent('the subgraph does not answer', { cause })
            : cause;
        },
      );
      return readSdl(reply);
    },
    close: async () => {
      await Promise.all([kept.close(), fresh.close()]);
    },
  };
}

/** One key for the text and one for its variables: a text that ran once is valid, but other variables may be refused. */
const keyOfCall = ({ text }: SubgraphCall, { isOfVariables }: NotRun): string =>
  isOfVariables ? `variables of ${text}` : text;

function callOutcomeOf(cause: unknown): SubgraphOutcome {
  if (cause instanceof CallerGone) return 'abandoned';
  if (cause instanceof NotRun) return 'refused';
  if (cause instanceof TooLarge || isReplyTooLarge(cause)) return 'too_large';
  return cause instanceof Late ? 'timeout' : 'unavailable';
}

function createUnavailable(name: string, cause: unknown): AppError {
  if (!(cause instanceof NotRun))
    return new AppError('SERVICE_UNAVAILABLE', `The ${name} service is not answering.`, { cause });
  const message = `the ${name} service has not run an operation that was planned for it`;
  return new AppError('SERVICE_UNAVAILABLE', `The ${name} service cannot do this right now.`, {
    cause: new Error(message, { cause }),
  });
}

/** Adds the path of the missing part of the reply to the error. */
function errorAt(error: AppError, { path }: SubgraphCall): GraphQLError {
  return new GraphQLError(error.message, {
    originalError: error,
    extensions: error.extensions,
    ...(path && { path }),
  });
}

const JSON_BOTH_WAYS = { 'content-type': 'application/json', accept: 'application/json' };

function headersOfCall(
  { requestId, headers: { authorization } }: HttpRequest,
  address: string,
  waitMs: number,
  serviceToken: string,
): Record<string, string> {
  const headers: Record<string, string> = {
    ...JSON_BOTH_WAYS,
    ...traceHeaders(),
    [TIMEOUT_HEADER]: String(Math.floor(waitMs)),
    [SERVICE_TOKEN_HEADER]: serviceToken,
    [REQUEST_ID_HEADER]: requestId,
    [CLIENT_ADDRESS_HEADER]: address,
  };
  if (authorization !== undefined) headers['authorization'] = authorization;
  return headers;
}
