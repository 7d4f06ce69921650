// Query plans that were made, by the hash of their operation: as bounded as Apollo's own cache, and counted.
import type { ApolloGateway } from '@apollo/gateway';
import { labelledCounter } from '@holdfast/platform/metrics';
import { LRUCache } from 'lru-cache';

type PlannerConfig = NonNullable<
  NonNullable<ConstructorParameters<typeof ApolloGateway>[0]>['queryPlannerConfig']
>;
type QueryPlanCache = NonNullable<PlannerConfig['cache']>;
type QueryPlan = NonNullable<Awaited<ReturnType<QueryPlanCache['get']>>>;

/** In characters of the plans as JSON; Apollo's default is 30 MiB. */
const MAX_SIZE = 30 * 2 ** 20;

const countLookUp = labelledCounter({
  name: 'graphql_query_plan_cache_total',
  help: 'Operations whose plan was at hand (hit) or had to be made (miss).',
  label: 'result',
  values: ['hit', 'miss'],
});

/** A cache for one gateway, which clears it when the supergraph changes. */
export function createQueryPlanCache(maxSize = MAX_SIZE): QueryPlanCache {
  const plans = new LRUCache<string, QueryPlan>({
    maxSize,
    sizeCalculation: (plan, key) => JSON.stringify(plan).length + key.length,
  });
  return {
    get: async (key) => {
      const plan = plans.get(key);
      countLookUp(plan ? 'hit' : 'miss');
      return plan;
    },
    set: async (key, plan) => {
      plans.set(key, plan);
    },
    delete: async (key) => plans.delete(key),
    clear: () => plans.clear(),
  };
}
