// The most connections to PostgreSQL that a process of each service opens: the one table of them. The manifests are added up
// by it (test/src/k8s/manifests.test.ts), and running services are held to it (test/src/faults/outages.test.ts).
import type { Service } from '@holdfast/database';

export interface ConnectionBudget {
  /** As pg_stat_activity shows it. */
  readonly applicationName: string;
  /** By DATABASE_URL, where a pooler may stand between, by DATABASE_DIRECT_URL, or by DATABASE_REPLICA_URL to other servers. */
  readonly way: 'pooled' | 'direct' | 'replica';
  readonly most: number;
}

export interface ConnectionSettings {
  readonly poolMax: number;
  readonly queueConcurrency: number;
}

/** As the services have them when nothing is set. */
const DEFAULTS: ConnectionSettings = { poolMax: 10, queueConcurrency: 4 };

/** A pool for what writes has one more connection, by which it asks what became of a statement that is not answered. */
const writing = (budget: ConnectionBudget): ConnectionBudget[] => [
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
    ...writing({ applicationName: `${service}-writes`, way: 'pooled', most: writes }),
    ...writing({ applicationName: `${service} sweep`, way: 'pooled', most: 1 }),
  ];
  const jobs: ConnectionBudget[] = [
    // Beside one a job: LISTEN and the sweep of the queue.
    ...writing({ applicationName: `${service}-worker`, way: 'direct', most: queueConcurrency + 2 }),
    { applicationName: `${service}-worker-metrics`, way: 'direct', most: 1 },
  ];
  const own: Record<Service, readonly ConnectionBudget[]> = {
    users: [...jobs, ...writing({ applicationName: 'users revocations', way: 'pooled', most: 1 })],
    products: [
      ...jobs,
      // With DATABASE_REPLICA_URL only.
      { applicationName: 'products-log', way: 'pooled', most: 1 },
      { applicationName: 'products-replica', way: 'replica', most: Math.ceil(poolMax / 2) },
      { applicationName: 'products-replica-look', way: 'replica', most: 1 },
    ],
    orders: [...jobs, { applicationName: 'orders-listener', way: 'direct', most: 1 }],
  };
  return [...requests, ...own[service]];
}

/** How many of them go that way together. */
export const connectionsOf = (budgets: readonly ConnectionBudget[], way: ConnectionBudget['way']): number =>
  budgets.reduce((sum, budget) => sum + (budget.way === way ? budget.most : 0), 0);
