// A connection pool with metrics: how many connections are in use, and how long its users wait for one.
import pg from 'pg';
import { Gauge, Histogram, registry, secondsSince } from '../observability/metrics.ts';
import { PatientClient } from './patient-client.ts';
import type { Unanswered } from './unanswered.ts';

/** The open pools, by application name: a service has one for each purpose. */
const pools = new Map<string, MeasuredPool>();

new Gauge({
  name: 'database_pool_connections',
  help: 'Connections that are open: busy, idle, or kept because a statement is not answered.',
  labelNames: ['pool', 'state'],
  registers: [registry],
  collect() {
    this.reset();
    for (const [pool, { totalCount, idleCount, unansweredCount }] of pools) {
      this.set({ pool, state: 'busy' }, totalCount - idleCount);
      this.set({ pool, state: 'idle' }, idleCount);
      this.set({ pool, state: 'unanswered' }, unansweredCount);
    }
  },
});

new Gauge({
  name: 'database_pool_waiting',
  help: 'Users of the pool that wait for a connection.',
  labelNames: ['pool'],
  registers: [registry],
  collect() {
    this.reset();
    for (const [pool, { waitingCount }] of pools) this.set({ pool }, waitingCount);
  },
});

const waits = new Histogram({
  name: 'database_pool_wait_seconds',
  help: 'How long it took to get a connection, or an error instead of one.',
  labelNames: ['pool'],
  buckets: [0.001, 0.005, 0.025, 0.1, 0.5, 1, 5],
  registers: [registry],
});

export type Connected = (
  error: Error | undefined,
  client: pg.PoolClient | undefined,
  /** Undefined, like the client, after some errors. */
  release: ((broken?: unknown) => void) | undefined,
) => void;

const isWaiting = (client: unknown): client is PatientClient =>
  client instanceof PatientClient && client.isWaiting;

export class MeasuredPool extends pg.Pool {
  readonly #labels: { readonly pool: string };
  #unanswered: Unanswered | undefined;

  constructor(config: pg.PoolConfig) {
    super(config);
    this.#labels = { pool: config.application_name ?? 'unnamed' };
    pools.set(this.#labels.pool, this);
    // A rate does not see the first event of a series that begins with it.
    waits.zero(this.#labels);
    this.on('release', (error: Error | boolean | undefined, client) => {
      // An error from PostgreSQL is an answer to the statement.
      if (!error || error instanceof pg.DatabaseError || !isWaiting(client)) return;
      if (this.#unanswered) this.#unanswered.keep(client, error);
      else client.giveUp();
    });
  }

  /** Lets `unanswered` keep the connections that are released without an answer. Without it they are closed at once. */
  keepBy(unanswered: Unanswered): void {
    this.#unanswered = unanswered;
  }

  get unansweredCount(): number {
    return this.#unanswered?.count ?? 0;
  }

  override connect(): Promise<pg.PoolClient>;
  override connect(connected: Connected): void;
  override connect(connected?: Connected): Promise<pg.PoolClient> | undefined {
    const startedAt = performance.now();
    const observe = () => waits.observe(this.#labels, secondsSince(startedAt));
    if (!connected) {
      const connecting = super.connect();
      connecting.then(observe, observe);
      return connecting.then(releaseUnansweredAsBroken);
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
    const kept = this.#unanswered?.end();
    if (!callback) return Promise.all([super.end(), kept]).then(() => undefined);
    super.end(callback);
    return undefined;
  }
}

/** graphile-worker releases a connection without an error even when its statement has no answer, and the next user would wait. */
function releaseUnansweredAsBroken(client: pg.PoolClient): pg.PoolClient {
  const { release } = client;
  client.release = (error) =>
    release(error || (isWaiting(client) ? new Error('a statement is not answered') : undefined));
  return client;
}
