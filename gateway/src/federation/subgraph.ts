// Calls one subgraph: posts the operation over a keep-alive pool and reads the reply, nothing else.

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
import { NotRun, readReply, sdlIn } from './subgraph-reply.ts';

export interface SubgraphOptions {
  /** The subgraph's name: shown to callers when it does not answer. */
  readonly name: string;
  /** Where it answers GraphQL; no caller is shown it. */
  readonly url: string;
  /** The longest that a query may take, ms, however often it is sent. */
  readonly timeoutMs: number;
  readonly connections: number;
  readonly connectionMaxAgeMs: number;
  readonly replySizes: ReplySizes;
  /** Large replies are read through it, from all subgraphs. */
  readonly gate: ByteGate;
  /** What `Service-Authorization` says to this subgraph. */
  readonly serviceToken: () => Promise<string>;
}

/** The request that calls are made for. */
export interface CalledFor {
  /** The client's, as the gateway counts it. */
  readonly address: string;
  readonly request: HttpRequest;
  readonly received: Received;
}

/** No instance was reached, or the one that was has not answered in time. */
export class Silent extends Error {}

export interface Subgraph {
  /**
   * Sends the call exactly once: a mutation that was sent may have been carried out, also when its reply was lost. Only
   * what an instance says not to have run, because its schema is another than the planned one, is sent again. Errors
   * beside data are handed on as they are. No reply, a late one or one that is not GraphQL is SERVICE_UNAVAILABLE, with the
   * reason as its cause for the log, and so is a call that no instance runs; a reply that is too large is QUERY_TOO_COMPLEX
   * and is not read to its end.
   * @throws {GraphQLError} with the path of what is missing
   */
  call(call: SubgraphCall, calledFor: CalledFor): Promise<SubgraphReply>;
  /** The SDL of one instance, over a connection of its own. @throws {Silent} and why what was answered is no SDL */
  sdl(): Promise<string>;
  /** Ends the pool, once what is under way was answered. */
  close(): Promise<void>;
}

/**
 * How often a call is sent that is not run. Where each new connection meets an instance by chance, and half of them are the
 * version before, one call in a thousand meets only those. Where a load balancer prefers some instances, all ten may meet one.
 */
const MOST_SENT = 10;
/**
 * How long a text is sent once only that no instance has run, ms, unless one runs it meanwhile. A gap between the schemas that
 * stays, as after a rollback, would otherwise cost ten times as much as no gap.
 */
const SENT_ONCE_MS = 1_000;
/** How much of such texts is kept, characters. */
const KEPT_CHARACTERS = 1_000_000;
const SDL_TIMEOUT_MS = 2_000;
const SDL_QUERY = JSON.stringify({ query: '{ _service { sdl } }' });

export function createSubgraph(options: SubgraphOptions): Subgraph {
  const { name, url, timeoutMs, connections, connectionMaxAgeMs: maxAgeMs, replySizes, gate } = options;
  const { pathname: path } = new URL(url);
  const kept = createHttpPool({ url, connections, maxAgeMs, maxReplyBytes: replySizes.max });
  /** Its connections end with their first reply: each request meets an instance of the load balancer's choice. */
  const fresh = createHttpPool({ url, connections, maxAgeMs, maxReplyBytes: replySizes.max });
  const measure = measureSubgraph(name);

  /** What no instance has run a moment ago, by `keyOf`. */
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
    const headers = headersOf(request, address, waitMs, await options.serviceToken());
    const reply = await post(
      isFirst ? kept : fresh,
      { path, headers, body, reset: !isFirst },
      {
        waitMs,
        gate,
        fits: (bytes) => replySizes.add(received, bytes, isMutation),
        // A mutation that was sent is waited for, so that its outcome is known to the log and to what follows it.
        caller: isMutation ? undefined : request,
      },
    );
    return readReply(reply);
  }

  async function sendUntilRun(call: SubgraphCall, calledFor: CalledFor): Promise<SubgraphReply> {
    // A mutation may have to wait, as one that orders does; a query that takes long keeps the rest of a reply waiting.
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
        measure(outcomeOf(cause), startedAt);
        const isRefused = cause instanceof NotRun && cause.isOfAnotherSchema;
        if (isRefused) refused = keyOf(call, cause);
        if (refused === undefined) throw cause;
        const isKnown = notRun.has(refused);
        if (isRefused && !isKnown && sent < MOST_SENT && Date.now() < endsAt) continue;
        // What is known keeps its time, so that it is tried again when that is over.
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
          outcomeOf(cause) === 'too_large'
            ? replySizes.refuse(calledFor.received, call.isMutation)
            : unavailable(name, cause),
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
      return sdlIn(reply);
    },
    close: async () => {
      await Promise.all([kept.close(), fresh.close()]);
    },
  };
}

/** A text that is valid is so with all variables: that one call of it was run says nothing of the variables of another. */
const keyOf = ({ text }: SubgraphCall, { isOfVariables }: NotRun): string =>
  isOfVariables ? `variables of ${text}` : text;

function outcomeOf(cause: unknown): SubgraphOutcome {
  if (cause instanceof CallerGone) return 'abandoned';
  if (cause instanceof NotRun) return 'refused';
  if (cause instanceof TooLarge || isReplyTooLarge(cause)) return 'too_large';
  return cause instanceof Late ? 'timeout' : 'unavailable';
}

function unavailable(name: string, cause: unknown): AppError {
  if (!(cause instanceof NotRun))
    return new AppError('SERVICE_UNAVAILABLE', `The ${name} service is not answering.`, { cause });
  const message = `the ${name} service has not run an operation that was planned for it`;
  return new AppError('SERVICE_UNAVAILABLE', `The ${name} service cannot do this right now.`, {
    cause: new Error(message, { cause }),
  });
}

/** The error must say which part of the reply is missing. */
function errorAt(error: AppError, { path }: SubgraphCall): GraphQLError {
  return new GraphQLError(error.message, {
    originalError: error,
    extensions: error.extensions,
    ...(path && { path }),
  });
}

const JSON_BOTH_WAYS = { 'content-type': 'application/json', accept: 'application/json' };

function headersOf(
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
