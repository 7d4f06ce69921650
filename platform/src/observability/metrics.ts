// The metrics of the process, which the ops port serves in Prometheus' text format. Every label has a limited set of values: no
// text of a caller becomes a label.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { VERSION } from './version.ts';

export { Counter, Gauge, Histogram };

/** One registry a process: the runtime's metrics are in it from the start. */
export const registry = new Registry();
collectDefaultMetrics({ register: registry });
// Removes gauges that are named like counters. The gauges with the same figures by type stay.
for (const kind of ['resources', 'handles', 'requests'])
  registry.removeSingleMetric(`nodejs_active_${kind}_total`);

/** Upper bounds in seconds, from a reply out of the cache to the deadline of a request. */
export const DURATION_BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** @param startedAt a time of `performance.now()` */
export const secondsSince = (startedAt: number): number => (performance.now() - startedAt) / 1_000;

export interface LabelledCounter<Value extends string> {
  readonly name: string;
  readonly help: string;
  readonly label: string;
  readonly values: readonly Value[];
}

/** A counter with one label, at 0 for each of `values` from the start, because Prometheus computes a rate only after it saw the 0. */
export function labelledCounter<Value extends string>(
  definition: LabelledCounter<Value>,
): (value: Value, by?: number) => void {
  const { name, help, label, values } = definition;
  const counter = new Counter({ name, help, labelNames: [label], registers: [registry] });
  const tallies = new Map(values.map((value) => [value, counter.labels(value)]));
  for (const tally of tallies.values()) tally.inc(0);
  return (value, by) => tallies.get(value)?.inc(by);
}

/** Counts the writes of an entity that were refused because another write came first. */
export function conflictCounter(entity: string): () => void {
  const count = labelledCounter({
    name: 'compare_and_swap_conflicts_total',
    help: 'Writes that were refused because the version they expected was not the current one.',
    label: 'entity',
    values: [entity],
  });
  return () => count(entity);
}

/**
 * A gauge that is read at each scrape, and absent while it has no reader or no value.
 * @returns sets the reader of the gauge, in place of an earlier one
 */
export function liveGauge(name: string, help: string): (read: () => number | undefined) => void {
  let read: (() => number | undefined) | undefined;
  new Gauge({
    name,
    help,
    registers: [registry],
    collect() {
      const value = read?.();
      if (value === undefined) this.remove();
      else this.set(value);
    },
  });
  return (next) => {
    read = next;
  };
}

export const sqlStatements = new Counter({
  name: 'sql_statements_total',
  help: 'SQL statements sent for requests to the primary (the queue worker has its own connections and is not counted).',
  registers: [registry],
});

/** Publishes which build of which service this process runs. */
export function announceBuild(service: string, revision: string): void {
  new Gauge({
    name: 'build_info',
    help: 'Always 1; the labels say which build of which service runs, on which Node.',
    labelNames: ['service', 'version', 'revision', 'node'],
    registers: [registry],
  }).set({ service, version: VERSION, revision, node: process.version }, 1);
}
