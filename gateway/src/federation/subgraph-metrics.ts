// How the calls of subgraphs go, by subgraph and outcome.
import { DURATION_BUCKETS, Histogram, registry, secondsSince } from '@holdfast/platform/metrics';

const durations = new Histogram({
  name: 'subgraph_request_duration_seconds',
  help: 'Calls of subgraphs; graphql_error: a reply with errors, unavailable: none or not GraphQL, timeout: none in time, abandoned: the caller left before, too_large: one that was not read to its end.',
  labelNames: ['subgraph', 'outcome'],
  buckets: DURATION_BUCKETS,
  registers: [registry],
});

const OUTCOMES = ['ok', 'graphql_error', 'unavailable', 'timeout', 'abandoned', 'too_large'] as const;
export type SubgraphOutcome = (typeof OUTCOMES)[number];

/** Counts calls of `subgraph`, each with its outcome and when it began, as `performance.now()` had it. */
export function measureSubgraph(subgraph: string): (outcome: SubgraphOutcome, startedAt: number) => void {
  for (const outcome of OUTCOMES) durations.zero({ subgraph, outcome });
  return (outcome, startedAt) => durations.observe({ subgraph, outcome }, secondsSince(startedAt));
}
