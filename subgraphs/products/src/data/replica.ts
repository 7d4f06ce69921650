// Lists of the catalogue from a standby of PostgreSQL, for callers who cannot have written anything (docs/decisions.md).
//
// How old its rows may be is known without comparing clocks. Each second this process asks the primary how far its log is, and
// notes when it asked. A standby that has replayed the log up to there has all that was committed before.
import { setTimeout as sleep } from 'node:timers/promises';
import { createReadPool, createScrapePool, type Queryable } from '@holdfast/platform/database';
import { CallerGone, isAbandoned } from '@holdfast/platform/errors';
import type { Logger } from '@holdfast/platform/log';
import { type Connections, createReads } from '@holdfast/platform/reads';
import { bigint, notNull, type RowOf, statement, text } from '@holdfast/platform/sql';
import type pg from 'pg';
import type { ProductsSettings } from '../config.ts';
import { countListRead, showReplicaAge } from '../metrics.ts';
import { createMemoryStore } from './cache/memory-store.ts';
import { createProductCache, NO_CACHE } from './cache/product-cache.ts';
import { pageKey, selectProductPage } from './product-pages.ts';
import type { ProductTable } from './products.ts';

/** How often the primary and the standby are asked. */
const TICK_MS = 1_000;
/** How long a list waits for the standby before it goes to the primary. */
const PATIENCE_MS = 500;
/** How long a process keeps a page of the standby. */
const KEPT_MS = 1_000;

/** A place in the log of a cluster. Places on two timelines cannot be compared: after a failover each has commits of its own. */
const PLACE = {
  timeline: notNull(text, 'a running server knows both parts'),
  position: notNull(bigint, 'a server with that role knows it'),
};
type Place = RowOf<typeof PLACE>;

const selectWritten = statement({
  name: 'products_log_written',
  text: `SELECT system_identifier || '.' || ('x' || left(pg_walfile_name(lsn), 8))::bit(32)::int AS timeline,
                (lsn - '0/0'::pg_lsn)::bigint AS position
           FROM pg_control_system(), pg_current_wal_insert_lsn() AS lsn`,
  parameters: {},
  row: PLACE,
});

/** Gives no row on a primary. The timeline may be the one before for minutes after a failover: until the next restart point. */
const selectReplayed = statement({
  name: 'products_log_replayed',
  text: `SELECT system_identifier || '.' || timeline_id AS timeline,
                (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint AS position
           FROM pg_control_system(), pg_control_checkpoint() WHERE pg_is_in_recovery()`,
  parameters: {},
  row: PLACE,
});

/** Knows up to when servers have every commit; times are those of `performance.now()`. */
class LogMarks {
  readonly #maxAgeMs: number;
  #marks: readonly (Place & { readonly at: number })[] = [];
  readonly #proofs = new WeakMap<pg.PoolClient, number>();

  constructor(maxAgeMs: number) {
    this.#maxAgeMs = maxAgeMs;
  }

  /** Notes how far the log of `primary` is now. */
  async add(primary: pg.Pool): Promise<void> {
    const at = performance.now();
    const [place] = await selectWritten(primary, {});
    if (place)
      this.#marks = [...this.#marks.filter((each) => each.at > at - this.#maxAgeMs), { ...place, at }];
  }

  /** A server that is at `place` has every commit of before this time; undefined when that is not known. */
  coveredBy(place: Place | undefined): number | undefined {
    return this.#marks.findLast(
      (mark) => mark.timeline === place?.timeline && mark.position <= place.position,
    )?.at;
  }

  /**
   * Each connection has a proof, because one address may stand for several servers.
   * @throws when the server of `client` is not known to be young enough
   */
  async check(client: pg.PoolClient): Promise<void> {
    const ageOf = (at: number | undefined): number => performance.now() - (at ?? Number.NEGATIVE_INFINITY);
    if (ageOf(this.#proofs.get(client)) < this.#maxAgeMs / 2) return;
    const [replayed] = await selectReplayed(client, {});
    const at = this.coveredBy(replayed);
    if (at === undefined || ageOf(at) > this.#maxAgeMs)
      throw new Error(`the server is no standby, or more than ${this.#maxAgeMs} ms behind`);
    this.#proofs.set(client, at);
  }
}

/** The connections of `pool` whose servers are young enough. One that is not is closed: the next may reach another server. */
const young = (pool: pg.Pool, marks: LogMarks): Connections => ({
  connect: async () => {
    const client = await pool.connect();
    try {
      await marks.check(client);
      return client;
    } catch (error) {
      client.release(true);
      throw error;
    }
  },
});

/** Whether the replica is used now. The log is told when that changes. */
class Usability {
  readonly #log: Logger;
  isGood = false;

  constructor(log: Logger) {
    this.#log = log;
  }

  turn(isGood: boolean, error?: unknown): void {
    if (this.isGood === isGood) return;
    this.isGood = isGood;
    if (isGood) this.#log.info('the replica is used for lists');
    else this.#log.warn({ err: error }, 'the replica cannot be used; the primary answers');
  }
}

/** Asks both servers for their places, and says by that whether the replica can be used. */
async function look(
  primaryLog: pg.Pool,
  replica: Queryable,
  marks: LogMarks,
  usability: Usability,
): Promise<void> {
  try {
    // A primary that does not tell leaves the marks as they are, and they grow old.
    await marks.add(primaryLog).catch(() => undefined);
    const [replayed] = await selectReplayed(replica, {});
    const at = marks.coveredBy(replayed);
    showReplicaAge(() => at && (performance.now() - at) / 1_000);
    usability.turn(true);
  } catch (error) {
    if (!isAbandoned(error)) usability.turn(false, error);
  }
}

export interface Replica {
  page: ProductTable['page'];
  close(): Promise<void>;
}

/**
 * Reads pages from the standby, if the settings name one, and from `primary` while that is away, slow or too far behind.
 * What it reads never enters the cache of the primary's rows.
 */
export function openReplica(
  settings: ProductsSettings,
  primary: Pick<ProductTable, 'page'>,
  log: Logger,
): Replica | undefined {
  const { DATABASE_REPLICA_URL: url, DATABASE_URL: primaryUrl, DATABASE_POOL_MAX, CACHE } = settings;
  if (url === undefined) return undefined;
  const max = Math.ceil(DATABASE_POOL_MAX / 2);
  const pool = createReadPool({ url, max, applicationName: 'products-replica', log });
  const primaryLog = createScrapePool({ url: primaryUrl, applicationName: 'products-log', log });
  const marks = new LogMarks(settings.REPLICA_MAX_AGE_S * 1_000 - KEPT_MS);
  const reads = createReads(young(pool, marks), Math.min(PATIENCE_MS, settings.READ_TIMEOUT_MS));
  const kept = createProductCache(createMemoryStore(KEPT_MS, settings.CACHE_MAX_BYTES));
  const cache = CACHE === 'on' ? kept : NO_CACHE;
  const usability = new Usability(log);
  const stopLooking = repeat((signal) => look(primaryLog, reads(signal), marks, usability));
  return {
    page: async (query, caller) => {
      if (!usability.isGood) return primary.page(query, caller);
      try {
        return await cache.page(pageKey(query), async () => {
          const products = await selectProductPage(reads(caller), query);
          countListRead('replica');
          return products;
        });
      } catch (error) {
        if (isAbandoned(error)) throw error;
        usability.turn(false, error);
        return primary.page(query, caller);
      }
    },
    close: async () => {
      await stopLooking();
      await Promise.all([pool.end(), primaryLog.end()]);
    },
  };
}

/** Runs `work` every TICK_MS. @returns stops that, and resolves when the last one is over */
function repeat(work: (signal: AbortSignal) => Promise<void>): () => Promise<void> {
  const ending = new AbortController();
  const working = (async () => {
    while (!ending.signal.aborted) {
      await work(ending.signal);
      await sleep(TICK_MS, undefined, { signal: ending.signal }).catch(() => undefined);
    }
  })();
  return () => {
    ending.abort(new CallerGone('the service ends'));
    return working;
  };
}
