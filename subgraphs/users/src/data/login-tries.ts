// Failed tries to log in, in PostgreSQL, so that all instances share one count and a restart does not reset it.
import type { LoginTry } from '@holdfast/database';
import type { Queryable } from '@holdfast/platform/postgres/database';
import {
  bigint,
  bytea,
  type ColumnsOf,
  doublePrecision,
  integer,
  notNull,
  statement,
} from '@holdfast/platform/postgres/sql';
import type pg from 'pg';

/** A count of failed tries and the waits that it causes. The count is reset an hour after the last try. */
export interface Budget {
  /** 32 bytes. */
  readonly key: Uint8Array;
  /** How many tries are allowed without a wait. */
  readonly free: number;
  /** The wait after the free tries. Each further try doubles it. */
  readonly firstWaitS: number;
  readonly maxWaitS: number;
}

export interface LoginTryStore {
  /** Counts a try as failed before its outcome is known, so that concurrent tries cannot exceed the budget. False: not allowed. */
  reserve(budget: Budget): Promise<boolean>;
  /** Seconds until the next try is allowed, at least 1. */
  waitS(budget: Budget): Promise<number>;
  /** Removes a try that did not fail from the count. */
  giveBack(key: Uint8Array): Promise<void>;
}

const KEY = { key: bytea } satisfies Partial<ColumnsOf<LoginTry>>;
const BUDGET = { ...KEY, free: integer, firstWaitS: doublePrecision, maxWaitS: doublePrecision };

const WAIT = `least($maxWaitS, $firstWaitS * power(2::float8, least(t.failures - $free, 20))) * interval '1 s'`;

const reserve = statement({
  name: 'users_login_try_reserve',
  text: `INSERT INTO users.login_tries AS t (key, failures, last_at) VALUES ($key, 1, now())
         ON CONFLICT (key) DO UPDATE
            SET failures = CASE WHEN t.last_at <= now() - interval '1 hour' THEN 1 ELSE t.failures + 1 END,
                last_at = greatest(t.last_at, now())
          WHERE t.failures < $free OR t.last_at + ${WAIT} <= now()
         RETURNING t.failures`,
  parameters: BUDGET,
  row: { failures: integer },
});

const wait = statement({
  name: 'users_login_try_wait',
  text: `SELECT ceil(extract(epoch FROM t.last_at + ${WAIT} - now()))::int AS seconds
           FROM users.login_tries t WHERE t.key = $key`,
  parameters: BUDGET,
  row: { seconds: notNull(integer, 'no operand is null') },
});

const giveBack = statement({
  name: 'users_login_try_give_back',
  text: 'UPDATE users.login_tries SET failures = failures - 1 WHERE key = $key AND failures > 0',
  parameters: KEY,
  row: {},
});

const deleteOld = statement({
  name: 'users_login_tries_sweep',
  text: `DELETE FROM users.login_tries
          WHERE key = ANY (ARRAY(SELECT key FROM users.login_tries WHERE last_at < now() - interval '1 hour'
                                  ORDER BY last_at LIMIT $max FOR UPDATE SKIP LOCKED))
         RETURNING failures`,
  parameters: { max: bigint },
  row: { failures: integer },
});

/** Deletes at most `max` counts whose last try is more than an hour old. Returns how many. */
export const sweepLoginTries = async (db: Queryable, max: number): Promise<number> =>
  (await deleteOld(db, { max })).length;

/** The tries in the database behind `pool`. */
export function createLoginTryStore(pool: pg.Pool): LoginTryStore {
  return {
    reserve: async (budget) => (await reserve(pool, budget)).length > 0,
    waitS: async (budget) => Math.max(1, (await wait(pool, budget))[0]?.seconds ?? 1),
    giveBack: async (key) => {
      await giveBack(pool, { key });
    },
  };
}
