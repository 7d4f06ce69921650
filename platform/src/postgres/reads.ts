// Reads for public requests: a statement is cancelled after a timeout, and as soon as its caller has gone. PostgreSQL itself does
// neither: it works on for a client that has gone, and a connection pooler in between would not forward our statement_timeout.
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { z } from 'zod';
import { AppError } from '../errors.ts';
import type { Queryable } from './database.ts';

/** Makes a Queryable for one caller. The signal is aborted when the caller has gone. */
export type Reads = (caller: AbortSignal) => Queryable;

/** A source of connections: a pool, or a part of one. */
export interface Connections {
  connect(): Promise<pg.PoolClient>;
}

/** How long a server may take to accept a cancellation, and the pause before a statement that goes on is cancelled again. */
const CANCEL_TIMEOUT_MS = 2_000;
const CANCEL_AGAIN_MS = 500;

/**
 * Creates reads over `pool`.
 * @param timeoutMs after this time, the wait for a connection included, a read is SERVICE_UNAVAILABLE
 */
export function createReads(pool: Connections, timeoutMs: number): Reads {
  return (caller) => ({
    query: <Row extends pg.QueryResultRow>(config: pg.QueryConfig) =>
      runWithin(caller, timeoutMs, config.name ?? 'a statement', (ended) => read<Row>(pool, config, ended)),
  });
}

const createUnavailableError = (cause: unknown): AppError =>
  new AppError('SERVICE_UNAVAILABLE', 'The data is not available right now. Try again in a moment.', {
    cause,
  });

/** Resolves as `work` does. After the timeout, or when the caller has gone, it rejects and aborts the signal `ended` of `work`. */
async function runWithin<Result>(
  caller: AbortSignal,
  timeoutMs: number,
  name: string,
  work: (ended: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const ended = new AbortController();
  const late = () =>
    ended.abort(createUnavailableError(new Error(`${name} was cancelled after ${timeoutMs} ms`)));
  const timer = setTimeout(late, timeoutMs);
  const leave = () => ended.abort(createUnavailableError(caller.reason));
  caller.addEventListener('abort', leave, { once: true });
  if (caller.aborted) leave();
  try {
    return await Promise.race([work(ended.signal), rejectOnAbort(ended.signal)]);
  } finally {
    clearTimeout(timer);
    caller.removeEventListener('abort', leave);
  }
}

const rejectOnAbort = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    if (signal.aborted) return reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });

/** Releases the connection when the statement has ended on the server, cancelled or not. */
async function read<Row extends pg.QueryResultRow>(
  pool: Connections,
  config: pg.QueryConfig,
  ended: AbortSignal,
): Promise<pg.QueryResult<Row>> {
  const client = await pool.connect();
  if (ended.aborted) {
    client.release();
    throw ended.reason;
  }
  const answer = client.query<Row>(config);
  let cancelling: Promise<boolean> | undefined;
  const cancel = () => {
    cancelling = cancelUntilSettled(client, answer);
  };
  ended.addEventListener('abort', cancel);
  let usable = true;
  try {
    return await answer;
  } catch (error) {
    // As in pg's own Pool.query: a connection is not used again after an error, unless our cancellation caused the error.
    usable = ended.aborted && isCancelled(error);
    throw error;
  } finally {
    ended.removeEventListener('abort', cancel);
    // A cancellation that is still under way must not cancel the next statement of this connection.
    const hasArrived = (await cancelling) ?? true;
    client.release(!usable || !hasArrived);
  }
}

const isCancelled = (error: unknown): boolean => error instanceof pg.DatabaseError && error.code === '57014';

/** Resolves when the statement has ended. Returns whether the server has acted on every cancellation by then. */
async function cancelUntilSettled(client: pg.PoolClient, answer: Promise<unknown>): Promise<boolean> {
  const settled = answer.then(
    () => true,
    () => true,
  );
  let haveArrived = true;
  for (let over = false; !over; ) {
    haveArrived = (await requestCancel(client)) && haveArrived;
    // A cancellation that arrives before its statement begins has no effect.
    over = await Promise.race([settled, pause(CANCEL_AGAIN_MS, false)]);
  }
  return haveArrived;
}

/** The members of pg's client that its types do not declare. */
const backend = z.object({ host: z.string(), port: z.int(), processID: z.int(), secretKey: z.int() });
const CANCEL_REQUEST_CODE = 80_877_102;

/**
 * Sends the protocol's CancelRequest for the statement of `client`, over another connection, which needs no slot of
 * `max_connections` and which PgBouncer forwards. It is not encrypted (libpq's is not before version 17): an attacker who reads
 * its key can only cancel statements. Resolves when the server has acted on it or cannot be reached; to false when the server
 * may still act on it.
 */
function requestCancel(client: pg.PoolClient): Promise<boolean> {
  const { data } = backend.safeParse(client);
  // Without a key from the server no cancellation is possible: the server's own limit ends the statement.
  if (data === undefined) return Promise.resolve(true);
  const { host, port, processID, secretKey } = data;
  const request = Buffer.alloc(16);
  request.writeInt32BE(16, 0);
  request.writeInt32BE(CANCEL_REQUEST_CODE, 4);
  request.writeInt32BE(processID, 8);
  request.writeInt32BE(secretKey, 12);
  return new Promise((resolve) => {
    const socket = connect(host.startsWith('/') ? { path: `${host}/.s.PGSQL.${port}` } : { host, port });
    let isLate = false;
    socket.setTimeout(CANCEL_TIMEOUT_MS, () => {
      isLate = true;
      socket.destroy();
    });
    socket.on('connect', () => socket.write(request)).on('error', () => undefined);
    socket.on('close', () => resolve(!isLate)).resume();
  });
}
