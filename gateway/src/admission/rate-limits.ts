// The limits of the gateway: on requests, on what they execute, and in the header fields of every reply.
import type { Reply } from '@holdfast/platform/http/server';
import type { Redis } from '@holdfast/platform/redis';
import type { RefusedFields } from '../operations/refused-fields.ts';
import type { RootCall } from '../operations/root-calls.ts';
import type { Caller } from './caller.ts';
import { createCounters } from './fallback-counters.ts';
import { createBlockedError, createInvalidRequests } from './invalid-requests.ts';
import { findTightest, type LimitFields, limitFields } from './limit-headers.ts';
import { type Count, createLimiter } from './limiter.ts';
import { defaultLimits, type LimitTable } from './limits.ts';
import { createProcessCounters } from './process-counters.ts';
import { createRedisCounters } from './redis-counters.ts';

export interface RateLimits {
  /** @throws {AppError} RATE_LIMITED when the caller has sent too many requests that executed no operation */
  admit(caller: Caller): void;
  /** Counts the calls, and decides which of them are refused. */
  count(calls: readonly RootCall[], caller: Caller): Promise<RefusedFields>;
  /** The header fields of a reply that tell the caller how many calls are left. */
  describe(caller: Caller, reply: Reply): LimitFields | Promise<LimitFields>;
}

export interface RateLimitsOptions {
  readonly table: LimitTable | 'off';
  /** Without Redis, each process counts for itself. */
  readonly redis: Redis | undefined;
}

const NONE: RefusedFields = new Map();
const NO_FIELDS: LimitFields = {};

const NO_LIMITS: RateLimits = {
  admit: () => undefined,
  count: async () => NONE,
  describe: () => NO_FIELDS,
};

/**
 * Whether a request that met no other limit counts as one that executed no operation: an invalid operation, a page, an
 * unknown path, or a request that failed before it was counted, which would otherwise be free. A 503 does not count,
 * because the caller did not cause it. A preflight does not count, because refusing it would cost as much.
 */
const isInvalid = ({ request: { method } }: Caller, { status }: Reply): boolean =>
  status !== 503 && method !== 'OPTIONS';

export async function createRateLimits({ table, redis }: RateLimitsOptions): Promise<RateLimits> {
  return table === 'off' ? NO_LIMITS : limitsIn(table, redis);
}

async function limitsIn(table: LimitTable, redis: Redis | undefined): Promise<RateLimits> {
  const counters = createCounters(redis && createRedisCounters(redis), createProcessCounters());
  const limiter = await createLimiter(table, counters);
  const invalid = createInvalidRequests(table, limiter);

  /** For a request that met no limit: the count of the limit that the next request will most likely meet. */
  const nextCounts = (caller: Caller): Promise<Count[]> =>
    Promise.all(
      defaultLimits(table, caller.userId !== undefined).map((limit) => limiter.look(limit, caller)),
    );

  const limitFieldsOf = (counts: readonly Count[], { status }: Reply): LimitFields => {
    const count = findTightest(counts);
    return count ? limitFields(count, status) : NO_FIELDS;
  };

  async function describeUncounted(caller: Caller, reply: Reply): Promise<LimitFields> {
    if (isInvalid(caller, reply)) await invalid.count(caller);
    return limitFieldsOf(await nextCounts(caller), reply);
  }

  return {
    admit: (caller) => {
      const count = invalid.blocked(caller);
      if (count === undefined) return;
      caller.counts.push(count);
      throw createBlockedError(count);
    },
    count: async (calls, caller) => {
      const { refusedFields, counts } = await limiter.decide(calls, caller);
      caller.counts.push(...counts);
      return refusedFields;
    },
    describe: (caller, reply) =>
      caller.counts.length > 0 ? limitFieldsOf(caller.counts, reply) : describeUncounted(caller, reply),
  };
}
