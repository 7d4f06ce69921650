// Puts the planner before Apollo's executor. The executor asks a cache for an operation's plan before it makes one itself,
// on the main thread; the cache here always has one, because it asks the planner.
import { createHash } from 'node:crypto';
import type { QueryPlanCache } from '@apollo/query-planner';
import { type ExecutingGateway, wrapExecutor } from '../graph/executor.ts';
import { expandedSize } from '../graph/expanded.ts';
import type { PlannableOperation, Planner } from './planner.ts';

export interface PlannedExecution {
  /** For Apollo's gateway, as the cache of its plans. */
  readonly cache: QueryPlanCache;
  /** The gateway with that cache, as it is to be used. */
  plan(gateway: ExecutingGateway): ExecutingGateway;
}

export function createPlannedExecution(planner: Planner): PlannedExecution {
  /** What is executed now, by the key that the executor will ask for. */
  const operations = new Map<string, PlannableOperation>();
  let executions = 0;

  return {
    cache: {
      get: async (key) => {
        const operation = operations.get(key);
        // Without a plan the executor would make one, and keep every other request waiting for as long as that takes.
        if (operation === undefined)
          throw new Error('the executor asked for the plan of an unknown operation');
        return planner.plan(operation);
      },
      // The planner has a store of its own, and empties it when the supergraph changes.
      set: async () => undefined,
      delete: async () => false,
      clear: () => undefined,
    },
    plan: (gateway) => ({
      ...wrapExecutor(gateway, (executor) => async (execution) => {
        const { source, queryHash: sourceHash, document, request } = execution;
        const operationName = request.operationName || undefined;
        executions += 1;
        // The hash is for the cache alone. One of its own for each execution keeps them apart.
        const queryHash = String(executions);
        const key = cacheKeyOf(queryHash, operationName);
        const selections = () => expandedSize(document).selections;
        const deadlineAt: number = execution.context['deadlineAt'];
        operations.set(key, { source, sourceHash, operationName, selections, deadlineAt });
        try {
          return await executor({ ...execution, queryHash });
        } finally {
          operations.delete(key);
        }
      }),
      stop: async () => {
        await gateway.stop();
        await planner.close();
      },
    }),
  };
}

/** As Apollo's executor makes the key of a plan. */
const cacheKeyOf = (queryHash: string, operationName: string | undefined): string =>
  operationName === undefined
    ? queryHash
    : createHash('sha256').update(queryHash).update(operationName).digest('hex');
