// Products whose row another session keeps locked. A job that waits for the lock keeps a worker from the jobs of other
// products, so one job of such a product tries now and then, and the others give way at once.
import { GiveWay, isLockConflict, LOCK_TIMEOUT_MS } from '@holdfast/platform/queue/give-way';
import { LRUCache } from 'lru-cache';

export interface LockedProducts {
  /** Whether a job has met the lock of the product and none has found it gone since. */
  isLocked(productId: number): boolean;
  /** Runs `work`, which changes the product's row. @throws {GiveWay} while the row is known to be locked */
  unlessLocked<Result>(productId: number, work: () => Promise<Result>): Promise<Result>;
}

/** After this a job tries whether the lock is still there. */
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
        // The others wait for what this job finds out.
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
