// Requests that execute nothing are work all the same: they are read, parsed, checked and answered. They are counted when
// they have been answered; from the one that was too many on, the caller's next are refused unread, at every path.
import { AppError } from '@holdfast/platform/errors';
import { LRUCache } from 'lru-cache';
import { type Count, type Limiter, type Requester, secondsUntil } from './limiter.ts';
import type { LimitTable } from './limits.ts';

export interface InvalidRequests {
  /** The count that keeps the caller out for now. Asks no store: good requests must not pay for bad ones. */
  blocked(caller: Requester): Count | undefined;
  count(caller: Requester): Promise<void>;
}

/** Callers that are kept out at a time; the oldest are let in again. */
const MAX_CALLERS = 20_000;

export function createInvalidRequests(table: LimitTable, limiter: Limiter): InvalidRequests {
  const limit = table.find(({ counts }) => counts === 'invalid');
  const until = new LRUCache<string, { readonly count: Count; readonly endsAt: number }>({
    max: MAX_CALLERS,
  });
  const keyOf = ({ userId, address }: Requester) =>
    userId === undefined ? `address ${address}` : `user ${userId}`;
  return {
    blocked: (caller) => {
      const block = until.get(keyOf(caller));
      const resetMs = block ? block.endsAt - Date.now() : 0;
      return block && resetMs > 0 ? { ...block.count, resetMs } : undefined;
    },
    count: async (caller) => {
      const count = limit && (await limiter.hit(limit, caller));
      if (count && (count.refused || count.remaining === 0))
        until.set(keyOf(caller), { count: { ...count, refused: true }, endsAt: Date.now() + count.resetMs });
    },
  };
}

export function tooManyInvalid({ limit: { max, windowMs }, resetMs }: Count): AppError {
  const retryAfter = secondsUntil(resetMs);
  return new AppError(
    'RATE_LIMITED',
    `At most ${max} requests that execute nothing are expected in ${windowMs / 1_000} s; try again in ${retryAfter} s.`,
    { details: { retryAfter } },
  );
}
