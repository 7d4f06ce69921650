// The process's metrics, served on the ops port in Prometheus' text format. Every label has a bounded set of values:
// nothing that a caller writes becomes a label.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { VERSION } from './version.ts';

export { Counter, Gauge, Histogram };

/** One registry a process: the runtime's metrics are in it from the start. */
export const registry = new Registry();
collectDefaultMetrics({ register: registry });
// Gauges that are named like counters; the same figures by type stay.
for (const kind of ['resources', 'handles', 'requests'])
  registry.removeSingleMetric(`nodejs_active_${kind}_total`);

/** Upper bounds in seconds, from an answer out of the cache to a request's deadline. */
export const DURATION_BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** @param startedAt as `performance.now()` had it */
export const secondsSince = (startedAt: number): number => (performance.now() - startedAt) / 1_000;

export interface LabelledCounter<Value extends string> {
  readonly name: string;
  readonly help: string;
  readonly label: string;
  readonly values: readonly Value[];
}

/** A counter with one label, at 0 for each of `values` from the start: a rate is seen only by those who saw the 0. */
export function labelledCounter<Value extends string>(
  definition: LabelledCounter<Value>,
): (value: Value, by?: number) => void {
  const { name, help, label, values } = definition;
  const counter = new Counter({ name, help, labelNames: [label], registers: [registry] });
  const tallies = new Map(values.map((value) => [value, counter.labels(value)]));
  for (const tally of tallies.values()) tally.inc(0);
  return (value, by) => tallies.get(value)?.inc(by);
}

/** Counts the writes of an entity that were refused because somebody else's came first. */
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
 * A gauge that is asked for at each scrape, and left out while nobody has said how, or while there is no value.
 * @returns says how, in the place of whatever was said before
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

/** Says which build of which service this process is. */
export function announceBuild(service: string, revision: string): void {
  new Gauge({
    name: 'build_info',
    help: 'Always 1; the labels say which build of which service runs, on which Node.',
    labelNames: ['service', 'version', 'revision', 'node'],
    registers: [registry],
  }).set({ service, version: VERSION, revision, node: process.version }, 1);
}
