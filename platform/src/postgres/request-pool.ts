// A pool for requests. A request that waits for a connection until after its deadline gets none, so it cannot write any more.
import type pg from 'pg';
import { currentDeadline, isOver, tooLate } from '../deadline.ts';
import { type Connected, MeasuredPool } from './measured-pool.ts';

export class RequestPool extends MeasuredPool {
  override connect(): Promise<pg.PoolClient>;
  override connect(connected: Connected): void;
  override connect(connected?: Connected): Promise<pg.PoolClient> | undefined {
    // Read now, because the pool calls back in the async context of the caller that releases a connection.
    const deadline = currentDeadline();
    if (deadline === undefined) return connected ? void super.connect(connected) : super.connect();
    if (!connected) {
      return super.connect().then((client) => {
        if (!isOver(deadline)) return client;
        client.release();
        throw tooLate();
      });
    }
    super.connect((error, client, release) => {
      if (client === undefined || !isOver(deadline)) return connected(error, client, release);
      release?.();
      connected(tooLate(), undefined, () => undefined);
    });
    return undefined;
  }
}
