// Products whose row another session keeps locked. A job that waits for the lock keeps a worker from the jobs of other
// products, so one job of such a product tries now and then, and the others give way at once.
import { GiveWay, isLockConflict, LOCK_TIMEOUT_MS } from '@holdfast/platform/give-way';
import { LRUCache } from 'lru-cache';

export interface LockedProducts {
  /** Runs `work`, which changes the product's row. @throws {GiveWay} while the row is known to be locked */
  unlessLocked(productId: number, work: () => Promise<void>): Promise<void>;
}

/** After this a job tries whether the lock is still there. */
const TRIED_AGAIN_MS = 1_000;
const REMEMBERED = 10_000;

export function createLockedProducts(now: () => number = () => performance.now()): LockedProducts {
  const triedAgainAt = new LRUCache<number, number>({ max: REMEMBERED });
  return {
    unlessLocked: async (productId, work) => {
      const at = triedAgainAt.get(productId);
      if (at !== undefined) {
        if (now() < at) throw new GiveWay(`product ${productId} is locked by another session`);
        // The others wait for what this job finds out.
        triedAgainAt.set(productId, now() + LOCK_TIMEOUT_MS + TRIED_AGAIN_MS);
      }
      try {
        await work();
        triedAgainAt.delete(productId);
      } catch (error) {
        if (isLockConflict(error)) triedAgainAt.set(productId, now() + TRIED_AGAIN_MS);
        throw error;
      }
    },
  };
}
