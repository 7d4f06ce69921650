// Statements whose callers got a timeout, so that their outcome is not known. Until PostgreSQL answers, or
// says that it is at none of them any more, their connections stay open and take the places of others in their pool: so
// the backends that hang are never more than the pool may open.
import pg from 'pg';
import { AppError } from '../errors.ts';
import type { Logger } from '../observability/log.ts';
import type { PatientClient } from './patient-client.ts';

/** How far the cause of an error is looked for. */
const MAX_CAUSES = 4;

const answers = new WeakMap<object, Promise<void>>();

/**
 * Resolves once it is decided what became of the statement that failed with `error`. Undefined when that is known
 * already, or will never be told, because the connection was lost.
 */
export function answerTo(error: unknown, depth = 0): Promise<void> | undefined {
  if (!(error instanceof Error) || depth > MAX_CAUSES) return undefined;
  return answers.get(error) ?? answerTo(error.cause, depth + 1);
}

/** Of errors in what was asked for, of constraints, of transactions that met others, of locks, and of cancelled statements. */
const UNDONE = /^(22...|23...|40...|42...|55...|57014)$/;

/** A pool refuses a connection to a caller that is late (deadline.ts), or has none to give in time. */
const wasNeverSent = (error: unknown): boolean =>
  error instanceof AppError ||
  (error instanceof Error && error.message === 'timeout exceeded when trying to connect');

const saysUndone = (error: unknown): boolean =>
  error instanceof pg.DatabaseError && error.code !== undefined && UNDONE.test(error.code);

/** Whether a statement was never sent, or PostgreSQL has said that it was undone, so that nothing of it will be seen. */
export const isUndone = (error: unknown, depth = 0): boolean =>
  wasNeverSent(error) ||
  saysUndone(error) ||
  (error instanceof Error && depth < MAX_CAUSES && isUndone(error.cause, depth + 1));

/** Says whether any statement of the role has been under way for long. */
export interface Inquiry {
  isAtAny(): Promise<boolean>;
  end(): Promise<void>;
}

const ASK_MS = 2_000;
const ANSWER_MS = 1_000;
/** Longer than all but a few statements take. */
const LONG_S = 3;
/** So long the answer must be no: a statement that had begun before would be a long one by then. */
const CERTAIN_MS = (LONG_S + 1) * 1_000;

/**
 * Asks over a connection of its own, opened when it is needed. Another primary that has taken over knows nothing of the
 * statements, and those of a pooler have other sessions, so the question is about all that the role is at.
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
    isAtAny: async () => {
      const { rows } = await pool.query<{ isAtAny: boolean }>(
        `SELECT EXISTS (SELECT FROM pg_stat_activity
            WHERE usename = current_user AND datname = current_database() AND state = 'active'
              AND query_start < clock_timestamp() - interval '${LONG_S} seconds') AS "isAtAny"`,
      );
      return rows[0]?.isAtAny ?? true;
    },
    end: () => pool.end(),
  };
}

/** What a pool lets this change: how many connections it may have. */
interface Places {
  readonly options: { max: number };
}

export class Unanswered {
  readonly #places: Places;
  readonly #inquiry: Inquiry;
  readonly #log: Logger;
  /** Since when each is kept. */
  readonly #clients = new Map<PatientClient, number>();
  #timer: NodeJS.Timeout | undefined;
  /** Since when every answer was that PostgreSQL is at no long statement. */
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

  /** Keeps a connection that its pool is about to close after `error`, until its statement is decided. */
  keep(client: PatientClient, error: Error | boolean): void {
    if (this.#clients.has(client)) return;
    // The process ends: it waits for no answer any more.
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

  /** Asks for as long as there is something to ask about. */
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
    // Without an answer it may be at any.
    const isAtAny = await this.#inquiry.isAtAny().catch(() => true);
    this.#idleSince = isAtAny ? undefined : (this.#idleSince ?? askedAt);
    const certainBefore = askedAt - CERTAIN_MS;
    if (this.#idleSince === undefined || this.#idleSince > certainBefore) return;
    for (const [client, keptAt] of this.#clients) if (keptAt <= certainBefore) client.giveUp();
  }
}
