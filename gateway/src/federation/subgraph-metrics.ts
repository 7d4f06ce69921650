// Metrics: the calls by subgraph and outcome, and the subgraphs that a supergraph waits for.
import {
  DURATION_BUCKETS,
  Gauge,
  Histogram,
  registry,
  secondsSince,
} from '@holdfast/platform/observability/metrics';

const durations = new Histogram({
  name: 'subgraph_request_duration_seconds',
  help: 'Calls of subgraphs; graphql_error: a reply with errors, refused: the operation was not run, unavailable: none or not GraphQL, timeout: none in time, abandoned: the caller left before, too_large: one that was not read to its end.',
  labelNames: ['subgraph', 'outcome'],
  buckets: DURATION_BUCKETS,
  registers: [registry],
});

const OUTCOMES = [
  'ok',
  'graphql_error',
  'refused',
  'unavailable',
  'timeout',
  'abandoned',
  'too_large',
] as const;
export type SubgraphOutcome = (typeof OUTCOMES)[number];

/** Creates a function that records a call of `subgraph`: its outcome, and when it began by `performance.now()`. */
export function measureSubgraph(subgraph: string): (outcome: SubgraphOutcome, startedAt: number) => void {
  for (const outcome of OUTCOMES) durations.zero({ subgraph, outcome });
  return (outcome, startedAt) => durations.observe({ subgraph, outcome }, secondsSince(startedAt));
}

/** How many supergraphs wait until the subgraph serves what they need: the first one, and a later one. */
export const supergraphWaits = new Gauge({
  name: 'supergraph_waits',
  help: 'How many supergraphs are not in force, or keep the gateway from being ready, because this subgraph does not serve what they need.',
  labelNames: ['subgraph'],
  registers: [registry],
});
