// The queue of operations that wait for their plans. The smallest goes first, so that large operations delay only each other.
// When too many wait, the largest is rejected.
import type { QueryPlan } from '@apollo/query-planner';
import { AppError } from '@holdfast/platform/errors';
import type { OperationText } from './planner-thread.ts';

export interface PlannedQuery {
  readonly plan: QueryPlan;
  /** The size of the plan as JSON, in characters. */
  readonly size: number;
  /** The supergraph of the plan: another one may have arrived while the operation waited. */
  readonly supergraphSdl: string;
}

export interface Asked {
  readonly key: string;
  readonly operation: OperationText;
  /** The size of the operation, in selections. */
  readonly size: number;
  /** The deadline of the request, ms since the epoch. */
  readonly deadlineAt: number;
}

/** A plan that callers wait for together. */
export interface Waiting extends Asked {
  /** The latest deadline of its callers. */
  deadlineAt: number;
  readonly plan: Promise<PlannedQuery>;
  resolve(plan: PlannedQuery): void;
  reject(error: Error): void;
}

export interface PlanningQueue {
  /** Waits for the plan until the deadline; callers of the same operation share one entry. @throws {AppError} SERVICE_UNAVAILABLE */
  add(asked: Asked): Promise<PlannedQuery>;
  /** Takes the smallest entry, and rejects the entries whose deadline is before `now`. */
  take(now: number): Waiting | undefined;
  /** Puts a taken entry back into the queue. */
  putBack(taken: Waiting): void;
  /** Rejects every entry that has no plan yet, taken entries included. */
  rejectAll(error: Error): void;
}

const MAX_WAITING = 100;

/** @param cause for the log; absent when too many operations wait */
export function cannotPlan(cause?: unknown): AppError {
  return new AppError(
    'SERVICE_UNAVAILABLE',
    'The gateway has too many operations to plan right now. Try again in a moment.',
    { cause, details: { retryAfter: 1, http: { status: 503 } } },
  );
}

export function createPlanningQueue(maxWaiting = MAX_WAITING): PlanningQueue {
  const waiting = new Set<Waiting>();
  /** The entries that have no plan yet, by key: those that wait and those that were taken. */
  const unsettled = new Map<string, Waiting>();

  function leave(entry: Waiting, error: Error): void {
    waiting.delete(entry);
    entry.reject(error);
  }

  function open(asked: Asked): Waiting {
    const { promise: plan, resolve, reject } = Promise.withResolvers<PlannedQuery>();
    const entry: Waiting = { ...asked, plan, resolve, reject };
    const settled = () => unsettled.delete(asked.key);
    plan.then(settled, settled);
    waiting.add(entry);
    unsettled.set(asked.key, entry);
    return entry;
  }

  /** Rejects at the deadline, because a slow plan or a new supergraph may keep the planner busy for longer. */
  function planBefore(deadlineAt: number, entry: Waiting): Promise<PlannedQuery> {
    entry.deadlineAt = Math.max(entry.deadlineAt, deadlineAt);
    return new Promise((resolve, reject) => {
      const giveUp = (): void => {
        reject(cannotPlan());
        if (entry.deadlineAt === deadlineAt) leave(entry, cannotPlan());
      };
      const timer = setTimeout(giveUp, Math.max(0, deadlineAt - Date.now()));
      entry.plan.then(resolve, reject).finally(() => clearTimeout(timer));
    });
  }

  const extreme = (isMore: (one: Waiting, other: Waiting) => boolean): Waiting | undefined => {
    let found: Waiting | undefined;
    for (const entry of waiting) if (found === undefined || isMore(entry, found)) found = entry;
    return found;
  };

  return {
    add: (asked) => {
      const entry = unsettled.get(asked.key) ?? open(asked);
      const plan = planBefore(asked.deadlineAt, entry);
      if (waiting.size > maxWaiting) {
        const largest = extreme((one, other) => one.size >= other.size);
        if (largest) leave(largest, cannotPlan());
      }
      return plan;
    },
    take: (now) => {
      for (const entry of waiting) if (entry.deadlineAt <= now) leave(entry, cannotPlan());
      const smallest = extreme((one, other) => one.size < other.size);
      if (smallest) waiting.delete(smallest);
      return smallest;
    },
    putBack: (taken) => {
      if (unsettled.get(taken.key) === taken) waiting.add(taken);
    },
    rejectAll: (error) => {
      for (const entry of unsettled.values()) leave(entry, error);
    },
  };
}
