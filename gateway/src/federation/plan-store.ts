// Query plans that were made, and the operations that took too long to plan, by a hash of their text. Both are bounded.
import { createHash } from 'node:crypto';
import type { QueryPlan } from '@apollo/query-planner';
import { LRUCache } from 'lru-cache';

type Found =
  | { readonly kind: 'plan'; readonly plan: QueryPlan }
  | { readonly kind: 'refused' }
  | { readonly kind: 'unknown' };

export interface PlanStore {
  keyOf(operation: { readonly sourceHash: string; readonly operationName: string | undefined }): string;
  find(key: string): Found;
  /** Keeps a plan as the planner's thread gives it, and gives it. */
  keep(key: string, json: string): QueryPlan;
  /** Remembers that planning took too long. */
  refuse(key: string): void;
  clear(): void;
}

/** In characters of the plans as JSON; Apollo's default is 30 MiB. */
const MAX_SIZE = 30 * 2 ** 20;
const MAX_REFUSED = 10_000;
/** Then it is tried again: the machine may have been busy with something else. */
const REFUSED_FOR_MS = 600_000;

interface Kept {
  readonly plan: QueryPlan;
  readonly size: number;
}

export function createPlanStore(maxSize = MAX_SIZE): PlanStore {
  const plans = new LRUCache<string, Kept>({ maxSize, sizeCalculation: ({ size }) => size });
  const refused = new LRUCache<string, true>({ max: MAX_REFUSED, ttl: REFUSED_FOR_MS });
  return {
    keyOf: ({ sourceHash, operationName }) =>
      operationName === undefined
        ? sourceHash
        : createHash('sha256').update(sourceHash).update(operationName).digest('hex'),
    find: (key) => {
      const kept = plans.get(key);
      if (kept) return { kind: 'plan', plan: kept.plan };
      return { kind: refused.has(key) ? 'refused' : 'unknown' };
    },
    keep: (key, json) => {
      const plan: QueryPlan = JSON.parse(json);
      plans.set(key, { plan, size: json.length + key.length });
      return plan;
    },
    refuse: (key) => {
      refused.set(key, true);
    },
    clear: () => {
      plans.clear();
      refused.clear();
    },
  };
}
