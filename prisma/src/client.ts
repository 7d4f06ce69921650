// The Prisma client over a pool that its service owns, sizes and closes. adapter-pg's own pool waits for a connection without a time
// limit, and a service uses one pool for its statements and its Prisma calls.
import { PrismaPg } from '@prisma/adapter-pg';
import type pg from 'pg';
import { PrismaClient } from './generated/client.ts';

/**
 * Creates a client over `pool`. `$disconnect()` leaves the pool open; the owner of the pool ends it. The pool needs `max`,
 * `connectionTimeoutMillis` and an 'error' listener. Errors do not quote the arguments of a call, which may be secret.
 */
export function createPrismaClient(pool: pg.Pool): PrismaClient {
  return new PrismaClient({ adapter: new PrismaPg(pool), errorFormat: 'minimal' });
}
