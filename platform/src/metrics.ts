// The process's metrics, served on the ops port in Prometheus' text format.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export { Counter, Gauge, Histogram };

/** One registry a process: the runtime's metrics are in it from the start. */
export const registry = new Registry();
collectDefaultMetrics({ register: registry });

export const sqlStatements = new Counter({
  name: 'sql_statements_total',
  help: 'SQL statements sent for requests (the queue worker has its own connections and is not counted).',
  registers: [registry],
});
