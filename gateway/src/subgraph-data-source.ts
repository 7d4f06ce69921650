// Calls one subgraph: posts the operation over a keep-alive pool and parses the reply, nothing else.
// (Apollo's RemoteGraphQLDataSource does the same at five times the CPU; docs/decisions.md.)
import type { GraphQLDataSource, GraphQLDataSourceProcessOptions } from '@apollo/gateway';
import { AppError, CallerGone } from '@holdfast/platform/errors';
import { GRAPHQL_MEDIA_TYPES, type RequestContext } from '@holdfast/platform/graphql';
import { REQUEST_ID_HEADER, TIMEOUT_HEADER } from '@holdfast/platform/http';
import { createHttpPool, isReplyTooLarge } from '@holdfast/platform/http-client';
import { isOfType } from '@holdfast/platform/media-type';
import { SERVICE_TOKEN_HEADER } from '@holdfast/platform/service-tokens';
import { traceHeaders } from '@holdfast/platform/tracing';
import { GraphQLError, Kind, parse } from 'graphql';
import type { Pool } from 'undici';
import type { ByteGate } from './byte-gate.ts';
import type { ReplySizes } from './reply-sizes.ts';
import { measureSubgraph, type SubgraphOutcome } from './subgraph-metrics.ts';

type SubgraphRequest = GraphQLDataSourceProcessOptions<RequestContext>;
type SubgraphReply = Awaited<ReturnType<GraphQLDataSource['process']>>;
type SubgraphError = NonNullable<SubgraphReply['errors']>[number];

export interface SubgraphDataSourceOptions {
  /** The subgraph's name: shown to callers when it does not answer. */
  readonly name: string;
  /** Where it answers GraphQL; shown to nobody. */
  readonly url: string;
  readonly timeoutMs: number;
  readonly connections: number;
  readonly connectionMaxAgeMs: number;
  readonly replySizes: ReplySizes;
  /** Large replies are read through it, from all subgraphs. */
  readonly gate: ByteGate;
  /** What `Service-Authorization` says to this subgraph. */
  readonly serviceToken: () => Promise<string>;
}

export interface SubgraphDataSource extends GraphQLDataSource<RequestContext> {
  /** Ends the pool, once what is under way was answered. */
  close(): Promise<void>;
}

/** What undici buffers of a reply that is not read yet, bytes; a smaller one is in memory anyway. */
const LARGE = 65_536;

/**
 * A data source that sends every operation exactly once: a mutation that was sent may have been carried out, whatever
 * became of its reply. Errors in a GraphQL reply are handed on as they are, with their `extensions.code`; no reply,
 * a late one or one that is not GraphQL is SERVICE_UNAVAILABLE, with the reason as its cause for the log; one that is too
 * large is QUERY_TOO_COMPLEX and is not read to its end.
 */
export function createSubgraphDataSource(options: SubgraphDataSourceOptions): SubgraphDataSource {
  const { name, timeoutMs, replySizes } = options;
  const { url, connections, connectionMaxAgeMs: maxAgeMs } = options;
  const { pathname } = new URL(url);
  const pool = createHttpPool({ url, connections, maxAgeMs, maxReplyBytes: replySizes.max });
  const measure = measureSubgraph(name);

  return {
    process: async (call) => {
      const { query, variables, operationName } = call.request;
      const context = contextOf(call);
      const startedAt = performance.now();
      const isMutation = query?.startsWith('mutation') ?? false;
      // A mutation may have to wait, as one that orders does; a query that takes long keeps the rest of a reply waiting.
      const longestMs = isMutation ? Number.POSITIVE_INFINITY : timeoutMs;
      const waitMs = Math.min(longestMs, (context?.deadlineAt ?? Date.now() + timeoutMs) - Date.now());
      try {
        if (waitMs <= 0) throw new Late('the request had no time left');
        const body = JSON.stringify({ query, variables, operationName });
        const headers = {
          ...headersOf(context, waitMs),
          [SERVICE_TOKEN_HEADER]: await options.serviceToken(),
        };
        // A mutation that was sent is waited for, so that its outcome is known to the log and to what follows it.
        const caller = isMutation ? undefined : context?.request.signal;
        const fits = (bytes: number) =>
          context === undefined || replySizes.add(context.request, { bytes, isMutation });
        const post = { path: pathname, headers, body };
        const reply = await send(pool, post, { waitMs, fits, gate: options.gate, caller });
        measure(reply.errors ? 'graphql_error' : 'ok', startedAt);
        return reply;
      } catch (cause) {
        const outcome = outcomeOf(cause);
        measure(outcome, startedAt);
        const fault =
          outcome === 'too_large'
            ? replySizes.refuse(context?.request, isMutation)
            : unavailable(name, cause);
        throw faultAt(fault, call);
      }
    },
    close: () => pool.close(),
  };
}

/** What had to be answered by now. */
class Late extends Error {}

/** One reply too much for its request. */
class TooLarge extends Error {}

function outcomeOf(cause: unknown): SubgraphOutcome {
  if (cause instanceof CallerGone) return 'abandoned';
  if (cause instanceof TooLarge || isReplyTooLarge(cause)) return 'too_large';
  return cause instanceof Late ? 'timeout' : 'unavailable';
}

interface Post {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

interface Bounds {
  readonly waitMs: number;
  /** Whether so many bytes more may be kept for the request. */
  readonly fits: (bytes: number) => boolean;
  readonly gate: ByteGate;
  /** Whose going ends the call, and with it the subgraph's work. */
  readonly caller: AbortSignal | undefined;
}

async function send(pool: Pool, post: Post, { waitMs, fits, gate, caller }: Bounds): Promise<SubgraphReply> {
  caller?.throwIfAborted();
  const abort = new AbortController();
  const giveUp = () => abort.abort(caller?.reason);
  caller?.addEventListener('abort', giveUp, { once: true });
  const timer = setTimeout(() => abort.abort(new Late(`no reply within ${waitMs} ms`)), waitMs);
  let leave: (() => void) | undefined;
  try {
    const reply = await pool.request({ ...post, method: 'POST', signal: abort.signal });
    const size = Number(reply.headers['content-length'] ?? LARGE);
    if (size >= LARGE) leave = await gate.enter(size, abort.signal);
    const text = await reply.body.text();
    if (!fits(Buffer.byteLength(text)))
      throw new TooLarge('the replies to one request are too large together');
    return parseReply(reply.statusCode, reply.headers['content-type'], text);
  } finally {
    leave?.();
    clearTimeout(timer);
    caller?.removeEventListener('abort', giveUp);
  }
}

/** Health checks and schema loading, which have no caller, are not used here; they would go out without one. */
const contextOf = (call: SubgraphRequest): RequestContext | undefined =>
  'incomingRequestContext' in call ? call.context : undefined;

function headersOf(context: RequestContext | undefined, waitMs: number): Record<string, string> {
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    accept: 'application/json',
    ...traceHeaders(),
    [TIMEOUT_HEADER]: String(Math.floor(waitMs)),
  };
  if (context === undefined) return headers;
  headers[REQUEST_ID_HEADER] = context.requestId;
  if (context.authorization !== undefined) headers['authorization'] = context.authorization;
  return headers;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isErrorList = (value: unknown): value is SubgraphError[] =>
  Array.isArray(value) && value.every((error) => isRecord(error) && typeof error['message'] === 'string');

function parseReply(status: number, contentType: string | string[] | undefined, text: string): SubgraphReply {
  const malformed = (cause?: unknown) =>
    new Error(`not a GraphQL reply: status ${status}, ${String(contentType)}, ${text.length} characters`, {
      cause,
    });
  // Of the service token: what is wrong with a user's stands in a reply of 200.
  if (status === 401) throw new Error('the subgraph refused the service token of this gateway');
  if (typeof contentType !== 'string' || !isOfType(contentType, GRAPHQL_MEDIA_TYPES)) throw malformed();
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

const unavailable = (name: string, cause: unknown): AppError =>
  new AppError('SERVICE_UNAVAILABLE', `The ${name} service is not answering.`, { cause });

/** The gateway hands on a thrown error as it is, so it must say itself which part of the reply is missing. */
function faultAt(fault: AppError, call: SubgraphRequest): GraphQLError {
  const path = pathOf(call);
  return new GraphQLError(fault.message, {
    originalError: fault,
    extensions: fault.extensions,
    ...(path && { path }),
  });
}

/**
 * The field that a failed call leaves empty: the list or object whose entities were asked for, or the root field when
 * there is just one. Undefined when several root fields are missing at once.
 */
function pathOf(call: SubgraphRequest): string[] | undefined {
  const within = 'incomingRequestContext' in call ? call.pathInIncomingRequest : undefined;
  if (within !== undefined && within.length > 0) {
    const list = within.indexOf('@');
    return within.slice(0, list < 0 ? undefined : list).map(String);
  }
  const names = rootFieldNames(call.request.query ?? '');
  return names.length === 1 ? names : undefined;
}

function rootFieldNames(query: string): string[] {
  const operation = parse(query).definitions.find(
    (definition) => definition.kind === Kind.OPERATION_DEFINITION,
  );
  const fields =
    operation?.selectionSet.selections.filter((selection) => selection.kind === Kind.FIELD) ?? [];
  return fields.map((field) => (field.alias ?? field.name).value);
}
