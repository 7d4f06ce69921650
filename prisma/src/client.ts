// The Prisma client on a pool that its service owns, sizes and closes: adapter-pg's own pool waits for a
// connection for ever, and a service wants its raw statements and its Prisma calls in one pool anyway.
import { PrismaPg } from '@prisma/adapter-pg';
import type pg from 'pg';
import { PrismaClient } from './generated/client.ts';

/**
 * A client over `pool`. `$disconnect()` leaves the pool open; whoever made the pool ends it.
 * Give the pool `max` and `connectionTimeoutMillis`, and an 'error' listener.
 * Its errors do not quote the arguments of the call, which may be secret.
 */
export function createPrismaClient(pool: pg.Pool): PrismaClient {
  return new PrismaClient({ adapter: new PrismaPg(pool), errorFormat: 'minimal' });
}
