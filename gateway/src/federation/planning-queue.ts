// Operations that wait for their plan. The smallest goes first, so that operations made to be large delay each other and
// no others; when too many wait, the largest is sent away.
import type { QueryPlan } from '@apollo/query-planner';
import { AppError } from '@holdfast/platform/errors';
import type { OperationText } from './planner-thread.ts';

export interface PlannedQuery {
  readonly plan: QueryPlan;
  /** Of the plan as JSON, in characters. */
  readonly size: number;
  /** What it is a plan for: another supergraph may have come while the operation waited. */
  readonly supergraphSdl: string;
}

export interface Asked {
  readonly key: string;
  readonly operation: OperationText;
  /** In selections. */
  readonly size: number;
  /** When a plan is of no use any more, ms since the epoch. */
  readonly deadlineAt: number;
}

/** A plan that callers wait for together. */
export interface Waiting extends Asked {
  /** The latest of its callers. */
  deadlineAt: number;
  readonly plan: Promise<PlannedQuery>;
  resolve(plan: PlannedQuery): void;
  reject(error: Error): void;
}

export interface PlanningQueue {
  /** Waits for the plan until its own deadline, together with all who have asked for the same. @throws {AppError} SERVICE_UNAVAILABLE */
  add(asked: Asked): Promise<PlannedQuery>;
  /** Takes the smallest. What is of no use any more at `now` is sent away. */
  take(now: number): Waiting | undefined;
  /** Lets what was taken wait again. */
  putBack(taken: Waiting): void;
  /** Sends everything away that is not settled, what was taken included. */
  rejectAll(error: Error): void;
}

const MAX_WAITING = 100;

/** @param cause is for the log; without one, too much is waiting */
export function cannotPlan(cause?: unknown): AppError {
  return new AppError(
    'SERVICE_UNAVAILABLE',
    'The gateway has too many operations to plan right now. Try again in a moment.',
    { cause, details: { retryAfter: 1, http: { status: 503 } } },
  );
}

export function createPlanningQueue(maxWaiting = MAX_WAITING): PlanningQueue {
  const waiting = new Set<Waiting>();
  /** By key, what is not settled yet: what waits, and what was taken. */
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

  /** The planner may be busy for longer than a caller waits: with a slow plan, or with a new supergraph. */
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
