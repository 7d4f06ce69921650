// The limits of the gateway: on what is executed, and in the header fields of every reply.
import type { HttpRequest, Reply } from '@holdfast/platform/http';
import type { Redis } from '@holdfast/platform/redis';
import type { CheckedExecutor } from '../graph/executor.ts';
import { clientAddress } from './client-address.ts';
import { createCounters } from './counters.ts';
import { limitHeaders, tightest } from './headers.ts';
import { createInvalidRequests, tooManyInvalid } from './invalid-requests.ts';
import { limitExecutor } from './limited-gateway.ts';
import { type Caller, type Count, createLimiter } from './limiter.ts';
import { defaultLimits, type LimitTable } from './limits.ts';
import { createProcessCounters } from './process-counters.ts';
import { createRedisCounters } from './redis-counters.ts';

export interface RateLimits {
  /** @throws {AppError} RATE_LIMITED when the caller has sent too many requests that executed nothing */
  admit(request: HttpRequest): void;
  /** The executor, behind the limits. */
  limit(next: CheckedExecutor): CheckedExecutor;
  /** The reply with the header fields that say how much is left to its caller. */
  describe(request: HttpRequest, reply: Reply): Promise<Reply>;
}

export interface RateLimitsOptions {
  readonly table: LimitTable | 'off';
  /** Without one, each process counts for itself. */
  readonly redis: Redis | undefined;
  readonly trustedProxies: number;
}

const NO_LIMITS: RateLimits = {
  admit: () => undefined,
  limit: (next) => next,
  describe: async (_, reply) => reply,
};

/**
 * Whether a request has executed nothing: what cannot be executed, a page, a path where nothing is. A fault of ours is not
 * the caller's, and a preflight costs no more than a refusal does.
 */
const isInvalid = ({ method }: HttpRequest, { status }: Reply, counts: readonly Count[]): boolean =>
  counts.length === 0 && status < 500 && method !== 'OPTIONS';

export function createRateLimits({ table, ...options }: RateLimitsOptions): RateLimits {
  return table === 'off' ? NO_LIMITS : limitsIn(table, options);
}

function limitsIn(
  table: LimitTable,
  { redis, trustedProxies }: Omit<RateLimitsOptions, 'table'>,
): RateLimits {
  const counters = createCounters(redis && createRedisCounters(redis), createProcessCounters());
  const limiter = createLimiter(table, counters);
  const callerOf = (request: HttpRequest, userId: number | undefined): Caller => ({
    address: clientAddress(request, trustedProxies),
    userId,
  });
  const invalid = createInvalidRequests(table, limiter);
  /** By request: what its calls have met so far. */
  const met = new WeakMap<HttpRequest, Count[]>();

  /** Of a request that was not counted, the limit that its next one is most likely to meet. */
  async function nextCounts(request: HttpRequest): Promise<Count[]> {
    const { userId } = request.trail;
    const caller = callerOf(request, userId);
    return Promise.all(
      defaultLimits(table, userId !== undefined).map((limit) => limiter.look(limit, caller)),
    );
  }

  return {
    admit: (request) => {
      const count = invalid.blocked(callerOf(request, request.trail.userId));
      if (count === undefined) return;
      met.set(request, [count]);
      throw tooManyInvalid(count);
    },
    limit: (next) =>
      limitExecutor(next, async (request, viewer, calls) => {
        const userId = viewer.kind === 'user' ? viewer.id : undefined;
        const decision = await limiter.decide(calls, callerOf(request, userId));
        met.set(request, [...(met.get(request) ?? []), ...decision.counts]);
        return decision;
      }),
    describe: async (request, reply) => {
      const counts = met.get(request) ?? [];
      if (isInvalid(request, reply, counts)) await invalid.count(callerOf(request, request.trail.userId));
      const count = tightest(counts.length > 0 ? counts : await nextCounts(request));
      return count
        ? { ...reply, headers: { ...limitHeaders(count, reply.status), ...reply.headers } }
        : reply;
    },
  };
}
