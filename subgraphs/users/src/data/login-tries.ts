// Failed tries to log in, in PostgreSQL: one count for all instances, which a restart does not end.
import type { LoginTry } from '@holdfast/database';
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

/** A count of tries, and how it slows them down. It begins anew an hour after its last try. */
export interface Budget {
  /** 32 bytes. */
  readonly key: Uint8Array;
  /** How many tries are let through without a wait. */
  readonly free: number;
  /** The wait after those. Each try doubles it. */
  readonly firstWaitS: number;
  readonly maxWaitS: number;
}

export interface LoginTries {
  /** Counts a try as a failed one before its outcome is known, so that of those at once none is let through too many. */
  reserve(budget: Budget): Promise<boolean>;
  /** Seconds until the next try is let through, at least 1. */
  waitS(budget: Budget): Promise<number>;
  /** Takes a try back that did not fail. */
  giveBack(key: Uint8Array): Promise<void>;
  /** Deletes at most `max` counts that say nothing any more; returns how many. */
  sweep(max: number): Promise<number>;
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
  row: { seconds: notNull(integer, 'none of what it is made of is null') },
});

const giveBack = statement({
  name: 'users_login_try_give_back',
  text: 'UPDATE users.login_tries SET failures = failures - 1 WHERE key = $key AND failures > 0',
  parameters: KEY,
  row: {},
});

const sweep = statement({
  name: 'users_login_tries_sweep',
  text: `DELETE FROM users.login_tries
          WHERE key = ANY (ARRAY(SELECT key FROM users.login_tries WHERE last_at < now() - interval '1 hour'
                                  ORDER BY last_at LIMIT $max FOR UPDATE SKIP LOCKED))
         RETURNING failures`,
  parameters: { max: bigint },
  row: { failures: integer },
});

/** The tries in the database behind `pool`. */
export function createLoginTries(pool: pg.Pool): LoginTries {
  return {
    reserve: async (budget) => (await reserve(pool, budget)).length > 0,
    waitS: async (budget) => Math.max(1, (await wait(pool, budget))[0]?.seconds ?? 1),
    giveBack: async (key) => {
      await giveBack(pool, { key });
    },
    sweep: async (max) => (await sweep(pool, { max })).length,
  };
}
