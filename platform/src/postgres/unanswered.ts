// Statements whose callers got a timeout, so that their outcome is not known. Their connections stay open, and reduce the size of
// their pool, until PostgreSQL answers them or reports that it runs none of them any more. So a pool never causes more hanging
// backends than it may have connections.
import pg from 'pg';
import { AppError } from '../errors.ts';
import type { Logger } from '../observability/log.ts';
import type { PatientClient } from './patient-client.ts';

/** How many causes of an error are examined. */
const MAX_CAUSES = 4;

const answers = new WeakMap<object, Promise<void>>();

/**
 * Returns a promise that resolves once the outcome of the statement that failed with `error` is decided. Undefined when it is
 * known already, or will never be known because the connection was lost.
 */
export function answerTo(error: unknown, depth = 0): Promise<void> | undefined {
  if (!(error instanceof Error) || depth > MAX_CAUSES) return undefined;
  return answers.get(error) ?? answerTo(error.cause, depth + 1);
}

/** SQLSTATEs: invalid data, constraints, transaction conflicts, locks, cancelled statements. */
const UNDONE = /^(22...|23...|40...|42...|55...|57014)$/;

/** A pool gives no connection after the caller's deadline (deadline.ts), or when none is free in time. */
const wasNeverSent = (error: unknown): boolean =>
  error instanceof AppError ||
  (error instanceof Error && error.message === 'timeout exceeded when trying to connect');

const saysUndone = (error: unknown): boolean =>
  error instanceof pg.DatabaseError && error.code !== undefined && UNDONE.test(error.code);

/** Whether a statement was never sent, or PostgreSQL has reported that it was undone, so that it has no effect. */
export const isUndone = (error: unknown, depth = 0): boolean =>
  wasNeverSent(error) ||
  saysUndone(error) ||
  (error instanceof Error && depth < MAX_CAUSES && isUndone(error.cause, depth + 1));

/** Asks PostgreSQL whether it has been running any statement of the role for long. */
export interface Inquiry {
  isRunningAny(): Promise<boolean>;
  end(): Promise<void>;
}

const ASK_MS = 2_000;
const ANSWER_MS = 1_000;
/** Longer than almost all statements take. */
const LONG_S = 3;
/** The answer must be no for this long: a statement that began before would be a long one by then. */
const CERTAIN_MS = (LONG_S + 1) * 1_000;

/**
 * Asks over a separate connection, which is opened when needed. A new primary after a failover does not run the statements, and a
 * pooler gives them other sessions. So the question is about all statements of the role.
 */
export function createInquiry(config: pg.PoolConfig): Inquiry {
  const pool = new pg.Pool({
    ...config,
    max: 1,
    connectionTimeoutMillis: ANSWER_MS,
    query_timeout: ANSWER_MS,
    idleTimeoutMillis: 2 * ASK_MS,
  });
  pool.on('error', () => undefined);
  return {
    isRunningAny: async () => {
      const { rows } = await pool.query<{ isRunningAny: boolean }>(
        `SELECT EXISTS (SELECT FROM pg_stat_activity
            WHERE usename = current_user AND datname = current_database() AND state = 'active'
              AND query_start < clock_timestamp() - interval '${LONG_S} seconds') AS "isRunningAny"`,
      );
      return rows[0]?.isRunningAny ?? true;
    },
    end: () => pool.end(),
  };
}

/** The size of a pool, which this reduces and restores. */
interface Places {
  readonly options: { max: number };
}

export class Unanswered {
  readonly #places: Places;
  readonly #inquiry: Inquiry;
  readonly #log: Logger;
  /** By connection: since when it is kept. */
  readonly #clients = new Map<PatientClient, number>();
  #timer: NodeJS.Timeout | undefined;
  /** Since when every answer was that PostgreSQL runs no long statement. */
  #idleSince: number | undefined;
  #isEnded = false;

  constructor(places: Places, inquiry: Inquiry, log: Logger) {
    this.#places = places;
    this.#inquiry = inquiry;
    this.#log = log;
  }

  get count(): number {
    return this.#clients.size;
  }

  /** Keeps a connection that its pool is about to close after `error`, until the outcome of its statement is decided. */
  keep(client: PatientClient, error: Error | boolean): void {
    if (this.#clients.has(client)) return;
    // A process that ends does not wait for answers.
    if (this.#isEnded) {
      client.giveUp();
      return;
    }
    const answered = client.answered();
    if (error instanceof Error) answers.set(error, answered);
    this.#clients.set(client, performance.now());
    this.#places.options.max -= 1;
    this.#log.warn({ unanswered: this.count }, 'a statement is not answered; its connection is kept');
    void answered.then(() => {
      this.#clients.delete(client);
      this.#places.options.max += 1;
    });
    this.#askLater();
  }

  async end(): Promise<void> {
    this.#isEnded = true;
    clearTimeout(this.#timer);
    for (const client of this.#clients.keys()) client.giveUp();
    await this.#inquiry.end();
  }

  /** Asks periodically while connections are kept. Not by `repeat`, which cannot end its own loop when no connection is left. */
  #askLater(): void {
    if (this.#timer !== undefined || this.#isEnded) return;
    this.#timer = setTimeout(async () => {
      await this.#ask();
      this.#timer = undefined;
      if (this.count > 0) this.#askLater();
      else this.#idleSince = undefined;
    }, ASK_MS);
  }

  async #ask(): Promise<void> {
    const askedAt = performance.now();
    // Without an answer, PostgreSQL may still run one.
    const isRunningAny = await this.#inquiry.isRunningAny().catch(() => true);
    this.#idleSince = isRunningAny ? undefined : (this.#idleSince ?? askedAt);
    const certainBefore = askedAt - CERTAIN_MS;
    if (this.#idleSince === undefined || this.#idleSince > certainBefore) return;
    for (const [client, keptAt] of this.#clients) if (keptAt <= certainBefore) client.giveUp();
  }
}
