// Watches for writes that outlive their fences. A commit may hang for longer than a fence lasts, while a standby is
// away, and goes on hanging when the process that would renew the fence has been killed. Readers see the row as it was
// before, until it ends. PostgreSQL knows which transactions of the service's role are under way: while one of them may
// be older than a fence, no instance uses the cache.
import type { Queryable } from '@holdfast/platform/database';
import type { Logger } from '@holdfast/platform/log';
import { notNull, statement, text } from '@holdfast/platform/sql';
import { FENCE_TTL_MS } from './store.ts';

export interface WriteWatch {
  /** Whether every write that is under way is still behind its fence. */
  isQuiet(): boolean;
  close(): Promise<void>;
}

const POLL_MS = 250;
/** How long an answer holds. */
const ANSWER_TTL_MS = 5_000;
/** A write that was seen for so long is no ordinary one. The next answers come before its fence can have ended. */
const LONGEST_WRITE_MS = FENCE_TTL_MS - 2 * ANSWER_TTL_MS;

/** Transactions that have changed something, by their id, whose session may be any process's, or nobody's any more. */
const selectWrites = statement({
  name: 'cache_writes_under_way',
  text: `SELECT backend_xid::text AS xid FROM pg_stat_activity
    WHERE usename = current_user AND datname = current_database() AND backend_xid IS NOT NULL`,
  parameters: {},
  row: { xid: notNull(text, 'the WHERE asks for it') },
});

export function watchWrites(db: Queryable, log: Logger, now = () => performance.now()): WriteWatch {
  /** When each write was first seen. */
  let seenAt = new Map<string, number>();
  let answeredAt = Number.NEGATIVE_INFINITY;

  const isFresh = (): boolean => now() < answeredAt + ANSWER_TTL_MS;

  async function ask(): Promise<void> {
    const askedAt = now();
    const writes = await selectWrites(db, {});
    // Without an answer shortly before, it is not known for how long a write has been under way.
    const ifNew = isFresh() ? askedAt : Number.NEGATIVE_INFINITY;
    seenAt = new Map(writes.map(({ xid }) => [xid, seenAt.get(xid) ?? ifNew]));
    answeredAt = askedAt;
  }

  let asking: Promise<void> | undefined;
  function askOnce(): void {
    asking ??= ask()
      // The last answer runs out, and the database is asked instead of the cache.
      .catch((error: unknown) => log.debug({ err: error }, 'the writes under way cannot be read'))
      .finally(() => {
        asking = undefined;
      });
  }

  const timer = setInterval(askOnce, POLL_MS);
  askOnce();

  return {
    isQuiet: () => isFresh() && ![...seenAt.values()].some((at) => now() > at + LONGEST_WRITE_MS),
    close: async () => {
      clearInterval(timer);
      await asking;
    },
  };
}
