// Counts requests that execute no field, because the gateway reads, parses, checks and answers them all the same. Such a
// request is counted after its reply. Once a caller has sent too many, the gateway refuses every request of the caller
// unread, at every path.
import { AppError } from '@holdfast/platform/errors';
import { LRUCache } from 'lru-cache';
import { type Count, type Limiter, type Requester, secondsUntil } from './limiter.ts';
import type { LimitTable } from './limits.ts';

export interface InvalidRequests {
  /** The count that blocks the caller for now. This calls no store, so that it costs valid requests no time. */
  blocked(caller: Requester): Count | undefined;
  count(caller: Requester): Promise<void>;
}

/** How many callers can be blocked at the same time; past this, the caller blocked longest ago is allowed again. */
const MAX_CALLERS = 20_000;

export function createInvalidRequests(table: LimitTable, limiter: Limiter): InvalidRequests {
  const limit = table.find(({ counts }) => counts === 'invalid');
  const until = new LRUCache<string, { readonly count: Count; readonly endsAt: number }>({
    max: MAX_CALLERS,
  });
  const callerKeyOf = ({ userId, address }: Requester) =>
    userId === undefined ? `address ${address}` : `user ${userId}`;
  return {
    blocked: (caller) => {
      const block = until.get(callerKeyOf(caller));
      const resetMs = block ? block.endsAt - Date.now() : 0;
      return block && resetMs > 0 ? { ...block.count, resetMs } : undefined;
    },
    count: async (caller) => {
      const count = limit && (await limiter.hit(limit, caller));
      if (count && (count.refused || count.remaining === 0))
        until.set(callerKeyOf(caller), {
          count: { ...count, refused: true },
          endsAt: Date.now() + count.resetMs,
        });
    },
  };
}

export function createBlockedError({ limit: { max, windowMs }, resetMs }: Count): AppError {
  const retryAfter = secondsUntil(resetMs);
  return new AppError(
    'RATE_LIMITED',
    `At most ${max} requests that execute no field are expected in ${windowMs / 1_000} s; try again in ${retryAfter} s.`,
    { details: { retryAfter } },
  );
}
