// Calls one subgraph: posts the operation over a keep-alive pool and parses the reply, nothing else.
import { AppError, CallerGone } from '@holdfast/platform/errors';
import { GRAPHQL_MEDIA_TYPES } from '@holdfast/platform/graphql';
import {
  CLIENT_ADDRESS_HEADER,
  type HttpRequest,
  REQUEST_ID_HEADER,
  TIMEOUT_HEADER,
} from '@holdfast/platform/http';
import { createHttpPool, isReplyTooLarge } from '@holdfast/platform/http-client';
import { isOfType } from '@holdfast/platform/media-type';
import { SERVICE_TOKEN_HEADER } from '@holdfast/platform/service-tokens';
import { traceHeaders } from '@holdfast/platform/tracing';
import { GraphQLError } from 'graphql';
import type { ByteGate } from './byte-gate.ts';
import type { SubgraphCall, SubgraphError, SubgraphReply } from './execution/execution.ts';
import { Late, post, TooLarge } from './post.ts';
import type { Received, ReplySizes } from './reply-sizes.ts';
import { measureSubgraph, type SubgraphOutcome } from './subgraph-metrics.ts';

export interface SubgraphOptions {
  /** The subgraph's name: shown to callers when it does not answer. */
  readonly name: string;
  /** Where it answers GraphQL; no caller is shown it. */
  readonly url: string;
  /** The longest that a query may take, ms. */
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

export interface Subgraph {
  /**
   * Sends the call exactly once: a mutation that was sent may have been carried out, whatever became of its reply. Errors
   * in a GraphQL reply are handed on as they are. No reply, a late one or one that is not GraphQL is SERVICE_UNAVAILABLE,
   * with the reason as its cause for the log; one that is too large is QUERY_TOO_COMPLEX and is not read to its end.
   * @throws {GraphQLError} with the path of what is missing
   */
  call(call: SubgraphCall, calledFor: CalledFor): Promise<SubgraphReply>;
  /** Ends the pool, once what is under way was answered. */
  close(): Promise<void>;
}

export function createSubgraph(options: SubgraphOptions): Subgraph {
  const { name, url, timeoutMs, connections, connectionMaxAgeMs: maxAgeMs, replySizes, gate } = options;
  const { pathname: path } = new URL(url);
  const pool = createHttpPool({ url, connections, maxAgeMs, maxReplyBytes: replySizes.max });
  const measure = measureSubgraph(name);

  /** A mutation may have to wait, as one that orders does; a query that takes long keeps the rest of a reply waiting. */
  const waitFor = ({ isMutation }: SubgraphCall, { deadlineAt }: HttpRequest): number =>
    Math.min(isMutation ? Number.POSITIVE_INFINITY : timeoutMs, deadlineAt - Date.now());

  async function send(call: SubgraphCall, { request, address, received }: CalledFor): Promise<SubgraphReply> {
    const { body, isMutation } = call;
    const waitMs = waitFor(call, request);
    if (waitMs <= 0) throw new Late('the request had no time left');
    const headers = headersOf(request, address, waitMs, await options.serviceToken());
    const { status, contentType, text } = await post(
      pool,
      { path, headers, body },
      {
        waitMs,
        gate,
        fits: (bytes) => replySizes.add(received, bytes, isMutation),
        // A mutation that was sent is waited for, so that its outcome is known to the log and to what follows it.
        caller: isMutation ? undefined : request,
      },
    );
    return parseReply(status, contentType, text);
  }

  return {
    call: async (call, calledFor) => {
      const startedAt = performance.now();
      try {
        const reply = await send(call, calledFor);
        measure(reply.errors ? 'graphql_error' : 'ok', startedAt);
        return reply;
      } catch (cause) {
        const outcome = outcomeOf(cause);
        measure(outcome, startedAt);
        const fault =
          outcome === 'too_large'
            ? replySizes.refuse(calledFor.received, call.isMutation)
            : unavailable(name, cause);
        throw faultAt(fault, call);
      }
    },
    close: () => pool.close(),
  };
}

function outcomeOf(cause: unknown): SubgraphOutcome {
  if (cause instanceof CallerGone) return 'abandoned';
  if (cause instanceof TooLarge || isReplyTooLarge(cause)) return 'too_large';
  return cause instanceof Late ? 'timeout' : 'unavailable';
}

const unavailable = (name: string, cause: unknown): AppError =>
  new AppError('SERVICE_UNAVAILABLE', `The ${name} service is not answering.`, { cause });

/** The error must say which part of the reply is missing. */
function faultAt(fault: AppError, { path }: SubgraphCall): GraphQLError {
  return new GraphQLError(fault.message, {
    originalError: fault,
    extensions: fault.extensions,
    ...(path && { path }),
  });
}

function headersOf(
  { requestId, headers: { authorization } }: HttpRequest,
  address: string,
  waitMs: number,
  serviceToken: string,
): Record<string, string> {
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    accept: 'application/json',
    ...traceHeaders(),
    [TIMEOUT_HEADER]: String(Math.floor(waitMs)),
    [SERVICE_TOKEN_HEADER]: serviceToken,
    [REQUEST_ID_HEADER]: requestId,
    [CLIENT_ADDRESS_HEADER]: address,
  };
  if (authorization !== undefined) headers['authorization'] = authorization;
  return headers;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isErrorList = (value: unknown): value is SubgraphError[] =>
  Array.isArray(value) && value.every((error) => isRecord(error) && typeof error['message'] === 'string');

function parseReply(status: number, contentType: string | undefined, text: string): SubgraphReply {
  const malformed = (cause?: unknown) =>
    new Error(`not a GraphQL reply: status ${status}, ${contentType}, ${text.length} characters`, { cause });
  // Of the service token: what is wrong with a user's stands in a reply of 200.
  if (status === 401) throw new Error('the subgraph refused the service token of this gateway');
  if (contentType === undefined || !isOfType(contentType, GRAPHQL_MEDIA_TYPES)) throw malformed();
  const reply = parseJson(text, malformed);
  if (!isRecord(reply)) throw malformed();
  const { data, errors } = reply;
  if (errors !== undefined && !isErrorList(errors)) throw malformed();
  if (data === undefined && errors === undefined) throw malformed();
  if (data !== undefined && data !== null && !isRecord(data)) throw malformed();
  return { ...(data !== undefined && { data }), ...(errors !== undefined && { errors }) };
}

function parseJson(text: string, malformed: (cause: unknown) => Error): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw malformed(cause);
  }
}
