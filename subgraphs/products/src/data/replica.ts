// Lists of the catalog from a standby of PostgreSQL, for callers who cannot have written anything (docs/decisions/0024-lists-from-a-replica.md).
//
// How old its rows may be is known without comparing clocks. Each second this process asks the primary how far its log is, and
// notes when it asked. A standby that has replayed the log up to there has all that was committed before.
import { isAbandoned } from '@holdfast/platform/errors';
import type { Logger } from '@holdfast/platform/observability/log';
import { createScrapePool, createStandbyPool } from '@holdfast/platform/postgres/database';
import { type Connections, createReads } from '@holdfast/platform/postgres/reads';
import { bigint, notNull, type RowOf, statement, text } from '@holdfast/platform/postgres/sql';
import { repeat } from '@holdfast/platform/repeat';
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
/** How many lists may wait for each connection to the standby: more would mostly wait in vain, and go to the primary at once. */
const LONGEST_QUEUE = 4;
/** How long a process keeps a page of the standby. */
const KEPT_MS = 1_000;
/**
 * How old a proof may be when a list is asked for, if none may be older than `maxAgeMs` when it is shown. From the proof on it grows
 * older while the statement runs, which sees no less than was proven, and while the page is kept.
 */
const longestProofMs = (maxAgeMs: number): number => maxAgeMs - PATIENCE_MS - KEPT_MS;

/**
 * A place in the log of a cluster. Places on two timelines cannot be compared: after a failover each has commits of its own. The
 * database before a restore has the same identifier and may come to the same timeline; what keeps its standbys away is
 * the address, and on Kubernetes its certificate, too (k8s/components/restored-database).
 */
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

/** The server answers, and is no standby that is young enough. */
class Behind extends Error {
  override readonly name = 'Behind';
}

/** Knows up to when servers have every commit; times are those of `performance.now()`. */
class LogMarks {
  readonly #maxAgeMs: number;
  #marks: readonly (Place & { readonly at: number })[] = [];
  /** Each connection has a proof, because one address may stand for several servers. */
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

  /**
   * Asks the server of `client`.
   * @returns a time: the server has every commit of before
   * @throws {Behind} when that is too long ago, or not known
   */
  async prove(client: pg.PoolClient): Promise<number> {
    const [place] = await selectReplayed(client, {});
    const at = this.#coveredBy(place);
    if (at === undefined || performance.now() - at > this.#maxAgeMs)
      throw new Behind(`the server is no standby, or more than ${this.#maxAgeMs} ms behind`);
    this.#proofs.set(client, at);
    return at;
  }

  /** As `prove`, but does not ask again while half of the time is left. */
  async check(client: pg.PoolClient): Promise<void> {
    const at = this.#proofs.get(client);
    if (at === undefined || performance.now() - at >= this.#maxAgeMs / 2) await this.prove(client);
  }

  /** A server that is at `place` has every commit of before this time; undefined when that is not known. */
  #coveredBy(place: Place | undefined): number | undefined {
    return this.#marks.findLast(
      (mark) => mark.timeline === place?.timeline && mark.position <= place.position,
    )?.at;
  }
}

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

/** A connection of `pool` that has passed `check`. One that has not is closed: the next may reach another server. */
async function connect<Proof>(
  pool: pg.Pool,
  check: (client: pg.PoolClient) => Promise<Proof>,
): Promise<{ client: pg.PoolClient; proof: Proof }> {
  const client = await pool.connect();
  try {
    return { client, proof: await check(client) };
  } catch (error) {
    client.release(true);
    throw error;
  }
}

/**
 * The connections of `pool` whose servers are young enough. A server that cannot be reached ends the use of the replica until the
 * next look; one that is behind, or busy, sends away a single list.
 */
const young = (pool: pg.Pool, marks: LogMarks, usability: Usability): Connections => ({
  connect: async () => {
    if (pool.waitingCount >= LONGEST_QUEUE * pool.options.max)
      throw new Error('too many lists wait for the replica');
    const isBusy = pool.totalCount >= pool.options.max && pool.idleCount === 0;
    try {
      const { client } = await connect(pool, (each) => marks.check(each));
      return client;
    } catch (error) {
      if (!(isBusy || error instanceof Behind)) usability.turn(false, error);
      throw error;
    }
  },
});

/** Asks both servers for their places: the replica can be used when it has replayed enough. @throws when it cannot be used */
async function look(
  primaryLog: pg.Pool,
  replica: pg.Pool,
  marks: LogMarks,
  usability: Usability,
): Promise<void> {
  // A primary that does not answer leaves the marks as they are, and they grow old.
  await marks.add(primaryLog).catch(() => undefined);
  const { client, proof } = await connect(replica, (each) => marks.prove(each));
  client.release();
  showReplicaAge(() => (performance.now() - proof) / 1_000);
  usability.turn(true);
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
  const pool = createStandbyPool({ url, max, applicationName: 'products-replica', log });
  // Of its own, so that lists that take long are not taken for a replica that is away.
  const looks = createScrapePool({ url, applicationName: 'products-replica-look', log });
  const primaryLog = createScrapePool({ url: primaryUrl, applicationName: 'products-log', log });
  const marks = new LogMarks(longestProofMs(settings.REPLICA_MAX_AGE_S * 1_000));
  const usability = new Usability(log);
  const connections = young(pool, marks, usability);
  const reads = createReads(connections, Math.min(PATIENCE_MS, settings.READ_TIMEOUT_MS));
  const kept = createProductCache(createMemoryStore(KEPT_MS, settings.CACHE_MAX_BYTES));
  const cache = CACHE === 'on' ? kept : NO_CACHE;
  const looking = repeat(() => look(primaryLog, looks, marks, usability), {
    everyMs: TICK_MS,
    onError: (error) => usability.turn(false, error),
  });
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
        return primary.page(query, caller);
      }
    },
    close: async () => {
      await looking.stop();
      await Promise.all([pool.end(), looks.end(), primaryLog.end()]);
    },
  };
}
