// A pool for requests: what waits for a connection until its caller has given up is refused one, and so writes nothing.
import type pg from 'pg';
import { currentDeadline, isOver, tooLate } from '../deadline.ts';
import { type Connected, MeasuredPool } from './measured-pool.ts';

export class RequestPool extends MeasuredPool {
  override connect(): Promise<pg.PoolClient>;
  override connect(connected: Connected): void;
  override connect(connected?: Connected): Promise<pg.PoolClient> | undefined {
    // Asked for now, because the pool calls back in the context of the caller that gives a connection back.
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
