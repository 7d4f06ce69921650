// Query plans for the gateway: from the store, or from the planner's thread. What is planned at a time, what waits for it
// and what is remembered are bounded, and the main thread never plans.
import type { QueryPlan } from '@apollo/query-planner';
import { AppError } from '@holdfast/platform/errors';
import type { Logger } from '@holdfast/platform/log';
import { labelledCounter } from '@holdfast/platform/metrics';
import { tracedCall } from '@holdfast/platform/tracing';
import { countRefusal } from '../graph/too-much.ts';
import { createPlanStore } from './plan-store.ts';
import { createPlannerThread, type OperationText, type Planned } from './planner-thread.ts';
import { cannotPlan, createPlanningQueue, type Waiting } from './planning-queue.ts';

/** An operation that passed the limits of the graph. */
export interface PlannableOperation extends OperationText {
  /** The hash of `source`. */
  readonly sourceHash: string;
  /** How many selections the planner will see: of what waits, the smallest is planned first. */
  readonly selections: () => number;
  /** When a plan is of no use any more, ms since the epoch. */
  readonly deadlineAt: number;
}

export interface Planner {
  /** Plans for this supergraph from now on; plans that were made for another are forgotten. */
  use(supergraphSdl: string): void;
  /** @throws {AppError} QUERY_TOO_COMPLEX when planning takes too long, SERVICE_UNAVAILABLE when too much waits for it */
  plan(operation: PlannableOperation): Promise<QueryPlan>;
  /** @throws unless the thread has taken a supergraph over */
  check(): void;
  close(): Promise<void>;
}

export interface PlannerOptions {
  readonly timeoutMs: number;
  readonly log: Logger;
}

const countLookUp = labelledCounter({
  name: 'graphql_query_plan_cache_total',
  help: 'Operations whose plan was at hand (hit) or had to be made (miss).',
  label: 'result',
  values: ['hit', 'miss'],
});

function tooLong(timeoutMs: number): AppError {
  countRefusal('plan_time');
  return new AppError(
    'QUERY_TOO_COMPLEX',
    `An operation that can be planned within ${timeoutMs} ms is expected; this one takes longer.`,
    { details: { limit: timeoutMs, http: { status: 400 } } },
  );
}

export function createPlanner({ timeoutMs, log }: PlannerOptions): Planner {
  const thread = createPlannerThread({ timeoutMs, log });
  const store = createPlanStore();
  const queue = createPlanningQueue();
  let supergraph: string | undefined;
  let isReady = false;
  let isWorking = false;
  let isClosed = false;

  function settle({ key, resolve, reject }: Waiting, planned: Planned): void {
    if (planned.kind === 'plan') resolve(store.keep(key, planned.json));
    else if (planned.kind === 'failed')
      reject(new Error(`an operation cannot be planned: ${planned.reason}`));
    else {
      store.refuse(key);
      reject(tooLong(timeoutMs));
    }
  }

  /** Plans what waits. Between the last look at the queue and the end of the work nothing else can happen. */
  async function work(): Promise<void> {
    if (isWorking) return;
    isWorking = true;
    try {
      while (supergraph !== undefined) {
        const current = supergraph;
        // Another supergraph may come meanwhile: then what becomes of this one does not matter.
        const fault = await thread.use(current).catch((error: unknown) => ({ error }));
        if (current !== supergraph) continue;
        if (fault) throw fault.error;
        isReady = true;
        const next = queue.take(Date.now());
        if (next === undefined) return;
        const planned = await thread.plan(next.operation);
        if (current === supergraph) settle(next, planned);
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

  function make(key: string, { source, operationName, selections, deadlineAt }: PlannableOperation) {
    const plan = queue.add({ key, operation: { source, operationName }, size: selections(), deadlineAt });
    void work();
    return plan;
  }

  return {
    use: (supergraphSdl) => {
      supergraph = supergraphSdl;
      store.clear();
      void work();
    },
    check: () => {
      if (isReady) return;
      // A gateway that is not ready is asked for no plan, so the check is what makes the thread try again.
      void work();
      throw new Error('no query can be planned');
    },
    plan: async (operation) => {
      const key = store.keyOf(operation);
      const found = store.find(key);
      countLookUp(found.kind === 'plan' ? 'hit' : 'miss');
      if (found.kind === 'plan') return found.plan;
      if (found.kind === 'refused') throw tooLong(timeoutMs);
      return tracedCall('gateway.plan', {}, () => make(key, operation));
    },
    close: async () => {
      isClosed = true;
      await thread.close();
    },
  };
}
