// Remembers products whose row another session keeps locked. A job that waits for such a lock would block the worker for the jobs
// of other products. So one job of a locked product tries periodically, and the other jobs of that product give way at once.
import { GiveWay, isLockConflict, LOCK_TIMEOUT_MS } from '@holdfast/platform/queue/give-way';
import { LRUCache } from 'lru-cache';

export interface LockedProducts {
  /** Whether a job has found the product locked and no later job has found it unlocked. */
  isLocked(productId: number): boolean;
  /** Runs `work`, which changes the product's row. @throws {GiveWay} while the row is known to be locked */
  unlessLocked<Result>(productId: number, work: () => Promise<Result>): Promise<Result>;
}

/** After this time a job tries again whether the product is still locked. */
const TRIED_AGAIN_MS = 1_000;
const REMEMBERED = 10_000;

export function createLockedProducts(now: () => number = () => performance.now()): LockedProducts {
  const triedAgainAt = new LRUCache<number, number>({ max: REMEMBERED });
  return {
    isLocked: (productId) => triedAgainAt.has(productId),
    unlessLocked: async (productId, work) => {
      const at = triedAgainAt.get(productId);
      if (at !== undefined) {
        if (now() < at) throw new GiveWay(`product ${productId} is locked by another session`);
        // The other jobs give way until this job has tried.
        triedAgainAt.set(productId, now() + LOCK_TIMEOUT_MS + TRIED_AGAIN_MS);
      }
      try {
        const result = await work();
        triedAgainAt.delete(productId);
        return result;
      } catch (error) {
        if (isLockConflict(error)) triedAgainAt.set(productId, now() + TRIED_AGAIN_MS);
        throw error;
      }
    },
  };
}
