// The largest number of connections to PostgreSQL that a process of each service opens. Tests add up the manifests by this table
// (test/src/k8s/manifests.test.ts) and compare running services with it (test/src/faults/outages.test.ts).
import type { Service } from '@holdfast/database';

export interface ConnectionBudget {
  /** The name in pg_stat_activity. */
  readonly applicationName: string;
  /** DATABASE_URL, which may lead to a pooler; DATABASE_DIRECT_URL; or DATABASE_REPLICA_URL, which leads to other servers. */
  readonly way: 'pooled' | 'direct' | 'replica';
  readonly most: number;
}

export interface ConnectionSettings {
  readonly poolMax: number;
  readonly queueConcurrency: number;
}

/** The defaults of the services. */
const DEFAULTS: ConnectionSettings = { poolMax: 10, queueConcurrency: 4 };

/** A pool for writes has one more connection, which finds out whether a statement without a reply has succeeded. */
const withInquiry = (budget: ConnectionBudget): ConnectionBudget[] => [
  budget,
  { ...budget, applicationName: `${budget.applicationName}-inquiry`, most: 1 },
];

/** The budgets of one process. */
export function listConnectionBudgets(
  service: Service,
  { poolMax, queueConcurrency }: ConnectionSettings = DEFAULTS,
): readonly ConnectionBudget[] {
  const writes = Math.max(1, Math.floor(poolMax / 2));
  const requests: ConnectionBudget[] = [
    { applicationName: service, way: 'pooled', most: Math.max(1, poolMax - writes) },
    ...withInquiry({ applicationName: `${service}-writes`, way: 'pooled', most: writes }),
    ...withInquiry({ applicationName: `${service} sweep`, way: 'pooled', most: 1 }),
  ];
  const jobs: ConnectionBudget[] = [
    // One for each job, one for LISTEN, and one for the sweep of the queue.
    ...withInquiry({ applicationName: `${service}-worker`, way: 'direct', most: queueConcurrency + 2 }),
    { applicationName: `${service}-worker-metrics`, way: 'direct', most: 1 },
  ];
  const own: Record<Service, readonly ConnectionBudget[]> = {
    users: [...jobs, ...withInquiry({ applicationName: 'users revocations', way: 'pooled', most: 1 })],
    products: [
      ...jobs,
      // Only with DATABASE_REPLICA_URL.
      { applicationName: 'products-log', way: 'pooled', most: 1 },
      { applicationName: 'products-replica', way: 'replica', most: Math.ceil(poolMax / 2) },
      { applicationName: 'products-replica-look', way: 'replica', most: 1 },
    ],
    orders: [...jobs, { applicationName: 'orders-listener', way: 'direct', most: 1 }],
  };
  return [...requests, ...own[service]];
}

/** The sum of the budgets of one way. */
export const connectionsOf = (budgets: readonly ConnectionBudget[], way: ConnectionBudget['way']): number =>
  budgets.reduce((sum, budget) => sum + (budget.way === way ? budget.most : 0), 0);
