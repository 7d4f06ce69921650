// Who may use the cache in Redis, and when: for the moments at which Redis cannot be relied upon.
//
// A write that cannot be fenced (Redis is away, or hangs) must not be seen by anybody while others are still shown what
// Redis holds; and another Redis process (restarted, or a replica that took over) knows nothing of the fences that the
// one before it was given. PostgreSQL arbitrates, in the one row of products.cache_control. An instance uses the cache
// only while it holds a lease: it has seen less than LEASE_MS ago that the cache is not suspended, and which Redis
// process it is in (Gray and Cheriton, "Leases", SOSP 1989). A writer that has suspended the cache and then waited for
// LEASE_MS therefore knows that nobody uses it. The epoch, part of every key, moves on with each suspension: nothing
// that was cached before one is looked at after it.
import type { CacheControl as ControlModel } from '@holdfast/database';
import type { Queryable } from '@holdfast/platform/database';
import type { Logger } from '@holdfast/platform/log';
import {
  type ColumnsOf,
  doublePrecision,
  integer,
  notNull,
  nullable,
  type RowOf,
  selectList,
  statement,
  text,
} from '@holdfast/platform/sql';

export interface CacheControl {
  /** The epoch, while this instance may use the cache; otherwise undefined. */
  usableEpoch(): number | undefined;
  /**
   * The epoch in which a write is to be fenced, also during a suspension, for when that ends; resolves once nobody uses
   * an earlier one. Undefined when it cannot be told, or no Redis answers.
   */
  epochForWrite(): Promise<number | undefined>;
  /** Whether the cache is suspended, as far as this instance knows. */
  isSuspended(): boolean;
  /** Resolves once no instance uses the cache, nor will before a write that begins now is over. */
  suspend(): Promise<void>;
  close(): Promise<void>;
}

const LEASE_MS = 1_000;
const POLL_MS = 250;
const SUSPENDED_MS = 30_000;
/** Longer than waiting for a connection and running a statement may take together. */
const LONGEST_WRITE_MS = 16_000;
/** A new Redis process is not used before every write that was fenced in the one before is over. */
const QUARANTINE_MS = LONGEST_WRITE_MS + 4 * LEASE_MS;

const STORED = { epoch: integer, runId: nullable(text) } satisfies Partial<ColumnsOf<ControlModel>>;
const CONTROL = {
  ...STORED,
  /** How long the suspension lasts from now, ms; zero or less when there is none. */
  leftMs: notNull(doublePrecision, 'neither time is null'),
};
type ControlRow = RowOf<typeof CONTROL>;

const COLUMNS = `${selectList(STORED)},
  (extract(epoch FROM suspended_until - clock_timestamp()) * 1000)::float8 AS "leftMs"`;

const read = statement({
  name: 'cache_control_read',
  text: `SELECT ${COLUMNS} FROM products.cache_control`,
  parameters: {},
  row: CONTROL,
});

const suspendAll = statement({
  name: 'cache_control_suspend',
  text: `UPDATE products.cache_control
      SET epoch = CASE WHEN suspended_until > clock_timestamp() THEN epoch ELSE epoch + 1 END,
          suspended_until = greatest(suspended_until, clock_timestamp() + $ms * interval '1 millisecond')
RETURNING ${COLUMNS}`,
  parameters: { ms: doublePrecision },
  row: CONTROL,
});

/**
 * Moves to another Redis process, once every write that was fenced in the one before is over. A database begins at an epoch
 * of its own: another one that used this Redis process has products with the same ids.
 */
const adopt = statement({
  name: 'cache_control_adopt',
  text: `UPDATE products.cache_control
      SET epoch = epoch + 1 + CASE WHEN run_id IS NULL THEN (random() * 1000000000)::int ELSE 0 END, run_id = $runId,
          suspended_until = CASE WHEN run_id IS NULL THEN suspended_until
            ELSE greatest(suspended_until, clock_timestamp() + $ms * interval '1 millisecond') END
    WHERE run_id IS DISTINCT FROM $runId
RETURNING ${COLUMNS}`,
  parameters: { runId: text, ms: doublePrecision },
  row: CONTROL,
});

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/**
 * Follows the control row.
 * @param runId of the Redis process that answers this instance; undefined while none does
 */
export function followCacheControl(
  db: Queryable,
  runId: () => string | undefined,
  log: Logger,
): CacheControl {
  // Times are of this process's monotonic clock.
  let known: ControlRow | undefined;
  let knownAt = Number.NEGATIVE_INFINITY;
  let leaseEndsAt = 0;
  let suspendedUntil = 0;
  /** From when on nobody holds a lease from before the present suspension. */
  let quietFrom = 0;

  function learn(row: ControlRow | undefined, askedAt: number): void {
    // An answer that was overtaken by a later one.
    if (!row || (known && row.epoch < known.epoch)) return;
    const isSuspended = row.leftMs > 0;
    // Whoever suspended it did so before this moment, at which the last lease may just have been taken.
    if (isSuspended && (row.epoch !== known?.epoch || suspendedUntil === 0))
      quietFrom = performance.now() + LEASE_MS;
    suspendedUntil = isSuspended ? askedAt + row.leftMs : 0;
    leaseEndsAt = isSuspended ? 0 : askedAt + LEASE_MS;
    known = row;
    knownAt = askedAt;
  }

  async function ask(): Promise<void> {
    const askedAt = performance.now();
    learn((await read(db, {}))[0], askedAt);
    const present = runId();
    if (present === undefined || known?.runId === present) return;
    learn((await adopt(db, { runId: present, ms: QUARANTINE_MS }))[0], askedAt);
    log.info({ epoch: known?.epoch }, 'the product cache moves to another Redis process');
  }

  let asking: Promise<void> | undefined;
  function askOnce(): Promise<void> {
    asking ??= ask()
      // Nothing is learnt, the lease runs out, and the database is asked instead of the cache.
      .catch((error: unknown) => log.debug({ err: error }, 'the cache control cannot be read'))
      .finally(() => {
        asking = undefined;
      });
    return asking;
  }

  // Whatever has happened since, no later epoch is used before a write that begins now is over.
  const isFresh = (): boolean => performance.now() < knownAt + LEASE_MS;

  const usableEpoch = (): number | undefined =>
    performance.now() < leaseEndsAt && known?.runId === runId() ? known?.epoch : undefined;

  const timer = setInterval(askOnce, POLL_MS);
  void askOnce();

  return {
    usableEpoch,
    epochForWrite: async () => {
      if (!isFresh()) await askOnce();
      if (!isFresh() || known?.runId !== runId()) return undefined;
      const { epoch } = known ?? {};
      if (suspendedUntil > 0) await pause(Math.max(0, quietFrom - performance.now()));
      return epoch;
    },
    isSuspended: () => suspendedUntil > performance.now(),
    suspend: async () => {
      if (suspendedUntil - performance.now() < LONGEST_WRITE_MS) {
        const askedAt = performance.now();
        learn((await suspendAll(db, { ms: SUSPENDED_MS }))[0], askedAt);
        log.warn({ epoch: known?.epoch }, 'the product cache is suspended: a write cannot be fenced');
      }
      await pause(Math.max(0, quietFrom - performance.now()));
    },
    close: async () => {
      clearInterval(timer);
      await asking;
    },
  };
}
