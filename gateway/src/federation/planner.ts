// Query plans for the gateway, from the planner's thread. One operation is planned at a time, the number of waiting
// operations is bounded, and the main thread never plans.
import { createHash } from 'node:crypto';
import { AppError } from '@holdfast/platform/errors';
import type { Logger } from '@holdfast/platform/observability/log';
import { traceCall } from '@holdfast/platform/observability/tracing';
import { LRUCache } from 'lru-cache';
import { countRefused } from '../operations/too-much.ts';
import { createPlannerThread, type OperationText, type Planned } from './planner-thread.ts';
import { cannotPlan, createPlanningQueue, type PlannedQuery, type Waiting } from './planning-queue.ts';

/** An operation within the limits of the graph. */
export interface PlannableOperation extends OperationText {
  /** How many selections the planner will see: the smallest waiting operation is planned first. */
  readonly selections: number;
  /** The deadline of the request, ms since the epoch. */
  readonly deadlineAt: number;
}

export interface Planner {
  /** Makes plans for this supergraph from now on. */
  use(supergraphSdl: string): void;
  /** @throws {AppError} QUERY_TOO_COMPLEX when planning takes too long, SERVICE_UNAVAILABLE when too many operations wait */
  plan(operation: PlannableOperation): Promise<PlannedQuery>;
  /** @throws until the thread has loaded a supergraph */
  check(): void;
  close(): Promise<void>;
}

export interface PlannerOptions {
  readonly timeoutMs: number;
  readonly log: Logger;
}

/** How many operations that took too long to plan are remembered. */
const MAX_REFUSED = 10_000;
/** After this time planning is tried again, because the machine may have been busy with other work. */
const REFUSED_FOR_MS = 600_000;

/** A hash of the operation, because texts are long. */
const hashOfOperation = ({ text, name = '' }: OperationText): string =>
  createHash('sha256').update(name).update(' ').update(text).digest('base64url');

function createTooLong(timeoutMs: number): AppError {
  countRefused('plan_time');
  return new AppError(
    'QUERY_TOO_COMPLEX',
    `An operation that can be planned within ${timeoutMs} ms is expected; this one takes longer.`,
    { details: { limit: timeoutMs, http: { status: 400 } } },
  );
}

export function createPlanner({ timeoutMs, log }: PlannerOptions): Planner {
  const thread = createPlannerThread({ timeoutMs, log });
  const refused = new LRUCache<string, true>({ max: MAX_REFUSED, ttl: REFUSED_FOR_MS });
  const queue = createPlanningQueue();
  let supergraph: string | undefined;
  let isReady = false;
  let isWorking = false;
  let isClosed = false;

  function settle({ key, resolve, reject }: Waiting, planned: Planned, supergraphSdl: string): void {
    if (planned.kind === 'plan')
      resolve({ plan: JSON.parse(planned.json), size: planned.json.length, supergraphSdl });
    else if (planned.kind === 'failed')
      reject(new Error(`an operation cannot be planned: ${planned.reason}`));
    else {
      refused.set(key, true);
      reject(createTooLong(timeoutMs));
    }
  }

  /** Plans the waiting operations. No other code runs between the last look at the queue and the end of this function. */
  async function work(): Promise<void> {
    if (isWorking) return;
    isWorking = true;
    try {
      while (supergraph !== undefined) {
        const current = supergraph;
        // Another supergraph may arrive meanwhile; then the result for this one does not matter.
        const error = await thread.use(current).catch((error: unknown) => ({ error }));
        if (current !== supergraph) continue;
        if (error) throw error.error;
        isReady = true;
        const next = queue.take(Date.now());
        if (next === undefined) return;
        const planned = await thread.plan(next.operation);
        if (current === supergraph) settle(next, planned, current);
        else queue.putBack(next);
      }
    } catch (error) {
      isReady = false;
      if (!isClosed) log.error({ err: error }, 'no query can be planned');
      queue.rejectAll(cannotPlan(error));
    } finally {
      isWorking = false;
    }
  }

  function make(key: string, { text, name, selections, deadlineAt }: PlannableOperation) {
    const plan = queue.add({ key, operation: { text, name }, size: selections, deadlineAt });
    void work();
    return plan;
  }

  return {
    use: (supergraphSdl) => {
      supergraph = supergraphSdl;
      refused.clear();
      void work();
    },
    check: () => {
      if (isReady) return;
      // A gateway that is not ready receives no requests, so the check makes the thread try again.
      void work();
      throw new Error('no query can be planned');
    },
    plan: async (operation) => {
      const key = hashOfOperation(operation);
      if (refused.has(key)) throw createTooLong(timeoutMs);
      return traceCall('gateway.plan', {}, () => make(key, operation));
    },
    close: async () => {
      isClosed = true;
      await thread.close();
    },
  };
}
