// A pool of connections that says how many are in use and how long its users wait for one.
import pg from 'pg';
import { Gauge, Histogram, registry, secondsSince } from './metrics.js';

/** Those that are open, by application name: a service has one for each purpose. */
const pools = new Map<string, pg.Pool>();

new Gauge({
  name: 'database_pool_connections',
  help: 'Connections that are open, busy or idle.',
  labelNames: ['pool', 'state'],
  registers: [registry],
  collect() {
    this.reset();
    for (const [pool, { totalCount, idleCount }] of pools) {
      this.set({ pool, state: 'busy' }, totalCount - idleCount);
      this.set({ pool, state: 'idle' }, idleCount);
    }
  },
});

new Gauge({
  name: 'database_pool_waiting',
  help: 'Who waits for a connection.',
  labelNames: ['pool'],
  registers: [registry],
  collect() {
    this.reset();
    for (const [pool, { waitingCount }] of pools) this.set({ pool }, waitingCount);
  },
});

const waits = new Histogram({
  name: 'database_pool_wait_seconds',
  help: 'How long it took to be given a connection, or to be refused one.',
  labelNames: ['pool'],
  buckets: [0.001, 0.005, 0.025, 0.1, 0.5, 1, 5],
  registers: [registry],
});

export type Connected = (
  error: Error | undefined,
  client: pg.PoolClient | undefined,
  release: (broken?: unknown) => void,
) => void;

export class MeasuredPool extends pg.Pool {
  readonly #labels: { readonly pool: string };

  constructor(config: pg.PoolConfig) {
    super(config);
    this.#labels = { pool: config.application_name ?? 'unnamed' };
    pools.set(this.#labels.pool, this);
  }

  override connect(): Promise<pg.PoolClient>;
  override connect(connected: Connected): void;
  override connect(connected?: Connected): Promise<pg.PoolClient> | undefined {
    const startedAt = performance.now();
    const observe = () => waits.observe(this.#labels, secondsSince(startedAt));
    if (!connected) {
      const connecting = super.connect();
      connecting.then(observe, observe);
      return connecting;
    }
    super.connect((error, client, release) => {
      observe();
      connected(error, client, release);
    });
    return undefined;
  }

  override end(): Promise<void>;
  override end(callback: () => void): void;
  override end(callback?: () => void): Promise<void> | undefined {
    if (pools.get(this.#labels.pool) === this) pools.delete(this.#labels.pool);
    if (!callback) return super.end();
    super.end(callback);
    return undefined;
  }
}
