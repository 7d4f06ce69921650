// What PostgreSQL does for a question: the plan of the prepared statement, and what it looked at.
import pg from 'pg';
import { z } from 'zod';
import type { Question } from './questions.ts';

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string | undefined;
  readonly 'Index Name'?: string | undefined;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number | undefined;
  readonly Plans?: readonly PlanNode[] | undefined;
}
const planNode: z.ZodType<PlanNode> = z.object({
  'Node Type': z.string(),
  'Relation Name': z.string().optional(),
  'Index Name': z.string().optional(),
  'Actual Rows': z.number(),
  'Actual Loops': z.number(),
  'Rows Removed by Filter': z.number().optional(),
  get Plans() {
    return z.array(planNode).optional();
  },
});
const explained = z.tuple([
  z.object({ 'QUERY PLAN': z.tuple([z.object({ Plan: planNode, 'Execution Time': z.number() })]) }),
]);

export interface Explained {
  /** The indexes that were used, sorted. */
  readonly indexes: readonly string[];
  /** Tables that were read as a whole. */
  readonly whole: readonly string[];
  /** How many rows the scans of tables gave or dropped. */
  readonly rows: number;
  /** The most rows that were sorted at once. */
  readonly sorted: number;
  readonly ms: number;
}

const nodesOf = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];

/** Values as EXECUTE takes them, which has no parameters of its own. */
function literal(value: unknown): string {
  if (value === null) return 'NULL';
  if (Array.isArray(value)) return pg.escapeLiteral(`{${value.map((one) => JSON.stringify(one)).join(',')}}`);
  return pg.escapeLiteral(String(value));
}

/**
 * Runs the question as a prepared statement.
 * @param client with the rights of the question's service
 * @param plan one for any arguments, as PostgreSQL may have it from the sixth time on, or one for these
 */
export async function explain(
  client: pg.ClientBase,
  { statement, args }: Question,
  plan: 'generic' | 'custom' = 'generic',
): Promise<Explained> {
  const values = Object.keys(statement.parameters).map((name) => literal(args[name] ?? null));
  await client.query(`SET plan_cache_mode = force_${plan}_plan`);
  const known = await client.query('SELECT FROM pg_prepared_statements WHERE name = $1', [
    statement.name.toLowerCase(),
  ]);
  if (known.rowCount === 0) await client.query(`PREPARE ${statement.name} AS ${statement.text}`);
  const list = values.length === 0 ? '' : `(${values.join(', ')})`;
  const { rows } = await client.query(
    `EXPLAIN (ANALYZE, TIMING OFF, BUFFERS OFF, FORMAT JSON) EXECUTE ${statement.name}${list}`,
  );
  const [{ 'QUERY PLAN': plans }] = explained.parse(rows);
  return summary(nodesOf(plans[0].Plan), plans[0]['Execution Time']);
}

function summary(nodes: readonly PlanNode[], ms: number): Explained {
  const met = (node: PlanNode): number =>
    (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops'];
  const ran = nodes.filter((node) => node['Actual Loops'] > 0);
  const sorts = ran.filter((node) => node['Node Type'].includes('Sort'));
  return {
    indexes: [...new Set(ran.flatMap((node) => node['Index Name'] ?? []))].sort(),
    whole: nodes
      .filter((node) => node['Node Type'].includes('Seq Scan'))
      .map((node) => node['Relation Name'] ?? '?'),
    rows: ran.filter((node) => node['Relation Name'] !== undefined).reduce((sum, node) => sum + met(node), 0),
    sorted: Math.max(0, ...sorts.flatMap((node) => (node.Plans ?? []).map(met))),
    ms,
  };
}
