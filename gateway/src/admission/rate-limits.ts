// The limits of the gateway: on requests, on what they execute, and in the header fields of every reply.
import type { Reply } from '@holdfast/platform/http/server';
import type { Redis } from '@holdfast/platform/redis';
import type { Refusals } from '../operations/refused-fields.ts';
import type { RootCall } from '../operations/root-calls.ts';
import type { Caller } from './caller.ts';
import { createCounters } from './fallback-counters.ts';
import { createInvalidRequests, tooManyInvalid } from './invalid-requests.ts';
import { type LimitFields, limitFields, tightest } from './limit-headers.ts';
import { type Count, createLimiter } from './limiter.ts';
import { defaultLimits, type LimitTable } from './limits.ts';
import { createProcessCounters } from './process-counters.ts';
import { createRedisCounters } from './redis-counters.ts';

export interface RateLimits {
  /** @throws {AppError} RATE_LIMITED when the caller has sent too many requests that executed nothing */
  admit(caller: Caller): void;
  /** Counts the calls, and says which of them are too many. */
  count(calls: readonly RootCall[], caller: Caller): Promise<Refusals>;
  /** The header fields of a reply that say how much is left to its caller. */
  describe(caller: Caller, reply: Reply): LimitFields | Promise<LimitFields>;
}

export interface RateLimitsOptions {
  readonly table: LimitTable | 'off';
  /** Without one, each process counts for itself. */
  readonly redis: Redis | undefined;
}

const NONE: Refusals = new Map();
const NO_FIELDS: LimitFields = {};

const NO_LIMITS: RateLimits = {
  admit: () => undefined,
  count: async () => NONE,
  describe: () => NO_FIELDS,
};

/**
 * Whether a request that was not counted has executed nothing: what cannot be executed, a page, a path where nothing is, and what fails before it
 * is counted, which would otherwise be free. That a service is away is not the caller's doing, and a preflight costs no more
 * than a refusal does.
 */
const isInvalid = ({ request: { method } }: Caller, { status }: Reply): boolean =>
  status !== 503 && method !== 'OPTIONS';

export function createRateLimits({ table, redis }: RateLimitsOptions): RateLimits {
  return table === 'off' ? NO_LIMITS : limitsIn(table, redis);
}

function limitsIn(table: LimitTable, redis: Redis | undefined): RateLimits {
  const counters = createCounters(redis && createRedisCounters(redis), createProcessCounters());
  const limiter = createLimiter(table, counters);
  const invalid = createInvalidRequests(table, limiter);

  /** Of a request that was not counted, the limit that its next one is most likely to meet. */
  const nextCounts = (caller: Caller): Promise<Count[]> =>
    Promise.all(
      defaultLimits(table, caller.userId !== undefined).map((limit) => limiter.look(limit, caller)),
    );

  const fieldsOf = (counts: readonly Count[], { status }: Reply): LimitFields => {
    const count = tightest(counts);
    return count ? limitFields(count, status) : NO_FIELDS;
  };

  async function describeUncounted(caller: Caller, reply: Reply): Promise<LimitFields> {
    if (isInvalid(caller, reply)) await invalid.count(caller);
    return fieldsOf(await nextCounts(caller), reply);
  }

  return {
    admit: (caller) => {
      const count = invalid.blocked(caller);
      if (count === undefined) return;
      caller.counts.push(count);
      throw tooManyInvalid(count);
    },
    count: async (calls, caller) => {
      const { refusals, counts } = await limiter.decide(calls, caller);
      caller.counts.push(...counts);
      return refusals;
    },
    describe: (caller, reply) =>
      caller.counts.length > 0 ? fieldsOf(caller.counts, reply) : describeUncounted(caller, reply),
  };
}
