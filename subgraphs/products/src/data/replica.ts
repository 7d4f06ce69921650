// Lists of the catalog from a standby of PostgreSQL, for callers without a token, who cannot have written before
// (docs/decisions/0024-lists-from-a-replica.md).
//
// This process knows how old the rows of the standby may be without comparing clocks. Each second it reads the position of the
// primary's log and notes the time. A standby that has replayed the log up to that position has all commits from before that time.
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
import type { ProductStore } from './products.ts';

/** How often this process reads the log positions of the primary and of the standby. */
const TICK_MS = 1_000;
/** How long a list waits for the standby before it goes to the primary. */
const PATIENCE_MS = 500;
/** How many lists may wait for each connection to the standby. Further lists are read from the primary at once. */
const LONGEST_QUEUE = 4;
/** How long a process caches a page from the standby. */
const KEPT_MS = 1_000;
/**
 * How old a proof may be when a list is requested, if no list may be older than `maxAgeMs` when a client sees it. The rest of the
 * time is for the statement, which sees at least the proven commits, and for the cached page.
 */
const longestProofMs = (maxAgeMs: number): number => maxAgeMs - PATIENCE_MS - KEPT_MS;

/**
 * A position in the log of a cluster. Positions on two timelines cannot be compared, because after a failover each timeline has its
 * own commits. The database before a restore has the same identifier and may reach the same timeline; only its address, and on
 * Kubernetes its certificate (k8s/components/restored-database), keeps its standbys away.
 */
const LOG_POSITION = {
  timeline: notNull(text, 'a running server has both parts'),
  position: notNull(bigint, 'a server with that role has a position'),
};
type LogPosition = RowOf<typeof LOG_POSITION>;

const selectWritten = statement({
  name: 'products_log_written',
  text: `SELECT system_identifier || '.' || ('x' || left(pg_walfile_name(lsn), 8))::bit(32)::int AS timeline,
                (lsn - '0/0'::pg_lsn)::bigint AS position
           FROM pg_control_system(), pg_current_wal_insert_lsn() AS lsn`,
  parameters: {},
  row: LOG_POSITION,
});

/** Returns no row on a primary. For minutes after a failover, until the next restart point, it may return the old timeline. */
const selectReplayed = statement({
  name: 'products_log_replayed',
  text: `SELECT system_identifier || '.' || timeline_id AS timeline,
                (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint AS position
           FROM pg_control_system(), pg_control_checkpoint() WHERE pg_is_in_recovery()`,
  parameters: {},
  row: LOG_POSITION,
});

/** The server answers, but it is no standby or its rows are too old. */
class Behind extends Error {
  override readonly name = 'Behind';
}

/** Computes up to which time a server has all commits. Times are those of `performance.now()`. */
class LogMarks {
  readonly #maxAgeMs: number;
  #marks: readonly (LogPosition & { readonly at: number })[] = [];
  /** Each connection has its own proof, because one address may lead to several servers. */
  readonly #proofs = new WeakMap<pg.PoolClient, number>();

  constructor(maxAgeMs: number) {
    this.#maxAgeMs = maxAgeMs;
  }

  /** Notes the current log position of `primary`. */
  async add(primary: pg.Pool): Promise<void> {
    const at = performance.now();
    const [position] = await selectWritten(primary, {});
    if (position)
      this.#marks = [...this.#marks.filter((each) => each.at > at - this.#maxAgeMs), { ...position, at }];
  }

  /**
   * Reads the log position of the server of `client`.
   * @returns a time: the server has all commits from before it
   * @throws {Behind} when that time is too long ago or not known
   */
  async prove(client: pg.PoolClient): Promise<number> {
    const [position] = await selectReplayed(client, {});
    const at = this.#coveredBy(position);
    if (at === undefined || performance.now() - at > this.#maxAgeMs)
      throw new Behind(`the server is no standby, or more than ${this.#maxAgeMs} ms behind`);
    this.#proofs.set(client, at);
    return at;
  }

  /** As `prove`, but it reads again only after half of the allowed time. */
  async check(client: pg.PoolClient): Promise<void> {
    const at = this.#proofs.get(client);
    if (at === undefined || performance.now() - at >= this.#maxAgeMs / 2) await this.prove(client);
  }

  /** A server at `position` has all commits from before this time; undefined when the time is not known. */
  #coveredBy(position: LogPosition | undefined): number | undefined {
    return this.#marks.findLast(
      (mark) => mark.timeline === position?.timeline && mark.position <= position.position,
    )?.at;
  }
}

/** Whether lists are read from the replica now. Logs each change. */
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
    else this.#log.warn({ err: error }, 'the replica cannot be used; lists are read from the primary');
  }
}

/** A connection of `pool` that has passed `check`. It closes a connection that has not, because the next may reach another server. */
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
 * The connections of `pool` to servers whose rows are recent enough. A server that cannot be reached ends the use of the replica
 * until the next check; for a server that is behind or busy, only this list is read from the primary.
 */
const createRecentConnections = (pool: pg.Pool, marks: LogMarks, usability: Usability): Connections => ({
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

/** Reads the log positions of both servers. The replica is used if it has replayed enough. @throws when it cannot be used */
async function checkReplica(
  primaryLog: pg.Pool,
  replica: pg.Pool,
  marks: LogMarks,
  usability: Usability,
): Promise<void> {
  // If the primary does not answer, the marks stay as they are and become too old.
  await marks.add(primaryLog).catch(() => undefined);
  const { client, proof } = await connect(replica, (each) => marks.prove(each));
  client.release();
  showReplicaAge(() => (performance.now() - proof) / 1_000);
  usability.turn(true);
}

export interface Replica {
  page: ProductStore['page'];
  close(): Promise<void>;
}

/**
 * Reads pages from the standby in the settings, and from `primary` while the standby is away, slow or too far behind. Rows of the
 * standby never enter the cache of the primary's rows. Undefined without a standby in the settings.
 */
export function openReplica(
  settings: ProductsSettings,
  primary: Pick<ProductStore, 'page'>,
  log: Logger,
): Replica | undefined {
  const { DATABASE_REPLICA_URL: url, DATABASE_URL: primaryUrl, DATABASE_POOL_MAX, CACHE } = settings;
  if (url === undefined) return undefined;
  const max = Math.ceil(DATABASE_POOL_MAX / 2);
  const pool = createStandbyPool({ url, max, applicationName: 'products-replica', log });
  // The checks have their own connection, so that long lists do not look like a replica that is away.
  const checks = createScrapePool({ url, applicationName: 'products-replica-look', log });
  const primaryLog = createScrapePool({ url: primaryUrl, applicationName: 'products-log', log });
  const marks = new LogMarks(longestProofMs(settings.REPLICA_MAX_AGE_S * 1_000));
  const usability = new Usability(log);
  const connections = createRecentConnections(pool, marks, usability);
  const reads = createReads(connections, Math.min(PATIENCE_MS, settings.READ_TIMEOUT_MS));
  const kept = createProductCache(createMemoryStore(KEPT_MS, settings.CACHE_MAX_BYTES));
  const cache = CACHE === 'on' ? kept : NO_CACHE;
  const checking = repeat(() => checkReplica(primaryLog, checks, marks, usability), {
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
      await checking.stop();
      await Promise.all([pool.end(), checks.end(), primaryLog.end()]);
    },
  };
}
