// Reads that anyone may cause: a statement ends after a time, and as soon as its caller is gone. PostgreSQL itself
// notices neither in time: it works on for a client that does not wait any more, and a connection pooler in between
// would not hand on a statement_timeout of our own.
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { z } from 'zod';
import { AppError } from '../errors.ts';
import type { Queryable } from './database.ts';

/** A Queryable for one caller, whose signal says that it is gone. */
export type Reads = (caller: AbortSignal) => Queryable;

/** What gives connections. */
export interface Connections {
  connect(): Promise<pg.PoolClient>;
}

/** How long a server may take to accept a cancellation, and when a statement that went on is cancelled again. */
const CANCEL_TIMEOUT_MS = 2_000;
const CANCEL_AGAIN_MS = 500;

/**
 * Reads over `pool`. Waiting for a connection counts as well.
 * @param timeoutMs after which a read is SERVICE_UNAVAILABLE
 */
export function createReads(pool: Connections, timeoutMs: number): Reads {
  return (caller) => ({
    query: <Row extends pg.QueryResultRow>(config: pg.QueryConfig) =>
      within(caller, timeoutMs, config.name ?? 'a statement', (ended) => read<Row>(pool, config, ended)),
  });
}

const unavailable = (cause: unknown): AppError =>
  new AppError('SERVICE_UNAVAILABLE', 'The data cannot be reached right now. Try again in a moment.', {
    cause,
  });

/** Resolves as `work` does, unless its time is up or the caller is gone before: then `ended` tells it to stop. */
async function within<Result>(
  caller: AbortSignal,
  timeoutMs: number,
  name: string,
  work: (ended: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const ended = new AbortController();
  const late = () => ended.abort(unavailable(new Error(`${name} was cancelled after ${timeoutMs} ms`)));
  const timer = setTimeout(late, timeoutMs);
  const leave = () => ended.abort(unavailable(caller.reason));
  caller.addEventListener('abort', leave, { once: true });
  if (caller.aborted) leave();
  try {
    return await Promise.race([work(ended.signal), rejection(ended.signal)]);
  } finally {
    clearTimeout(timer);
    caller.removeEventListener('abort', leave);
  }
}

const rejection = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    if (signal.aborted) return reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });

/** The connection goes back to the pool when the statement is over on the server, cancelled or not. */
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
    // As in pg's own Pool.query: a connection on which a statement failed is not used again, unless we made it fail.
    usable = ended.aborted && isCancelled(error);
    throw error;
  } finally {
    ended.removeEventListener('abort', cancel);
    // A cancellation that is still on its way must not meet the next statement of this connection.
    const hasArrived = (await cancelling) ?? true;
    client.release(!usable || !hasArrived);
  }
}

const isCancelled = (error: unknown): boolean => error instanceof pg.DatabaseError && error.code === '57014';

/** Resolves when the statement is over: whether the server has acted on every cancellation by then. */
async function cancelUntilSettled(client: pg.PoolClient, answer: Promise<unknown>): Promise<boolean> {
  const settled = answer.then(
    () => true,
    () => true,
  );
  let haveArrived = true;
  for (let over = false; !over; ) {
    haveArrived = (await requestCancel(client)) && haveArrived;
    // One that came before its statement was begun has no effect.
    over = await Promise.race([settled, pause(CANCEL_AGAIN_MS, false)]);
  }
  return haveArrived;
}

/** What pg keeps of a connection and does not declare. */
const backend = z.object({ host: z.string(), port: z.int(), processID: z.int(), secretKey: z.int() });
const CANCEL_REQUEST_CODE = 80_877_102;

/**
 * Asks the server to cancel what `client` is running: the protocol's CancelRequest, which goes over a connection of its
 * own, needs no slot of `max_connections`, and which PgBouncer hands on. It is not encrypted (libpq's is not before
 * version 17): the worst that its key is good for is another cancellation. Resolves when the server has acted on it or
 * cannot be reached; false when it may still act on it.
 */
function requestCancel(client: pg.PoolClient): Promise<boolean> {
  const { data } = backend.safeParse(client);
  // A server that gave no key cannot be asked: its own limit ends the statement.
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
