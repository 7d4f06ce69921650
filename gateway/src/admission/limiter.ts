// Decides which root fields of an operation may be executed. Our own stores count all calls of a window in one step, because
// graphql-rate-limit reads, decides and then writes. That library decides which calls are refused when a window does not
// grant all of them, and it writes the messages.
import { Counter, registry } from '@holdfast/platform/observability/metrics';
import type { getGraphQLRateLimiter, Store } from 'graphql-rate-limit';
import type { RefusedField, RefusedFields } from '../operations/refused-fields.ts';
import type { RootCall } from '../operations/root-calls.ts';
import type { Counters, Taken } from './counters.ts';
import { type Limit, type LimitTable, limitsOf } from './limits.ts';

/** The caller that a limit counts. */
export interface Requester {
  readonly address: string;
  /** Undefined for a caller who is not signed in. */
  readonly userId: number | undefined;
}

/** What one window granted to the calls of one operation. */
export interface Count extends Taken {
  readonly limit: Limit;
  readonly refused: boolean;
}

export interface Decision {
  readonly refusedFields: RefusedFields;
  readonly counts: readonly Count[];
}

export interface Limiter {
  /** Counts the calls, and decides which of them are refused. */
  decide(calls: readonly RootCall[], caller: Requester): Promise<Decision>;
  /** Counts one request that is not a call of a field. */
  hit(limit: Limit, caller: Requester): Promise<Count>;
  /** Reads what a limit still allows the caller, and counts no call. */
  look(limit: Limit, caller: Requester): Promise<Count>;
}

const refusedCalls = new Counter({
  name: 'rate_limit_refusals_total',
  help: 'Root fields that were not executed because their limit was reached.',
  labelNames: ['limit'],
  registers: [registry],
});

/** Whole seconds to wait, from milliseconds; at least 1. */
export const secondsUntil = (ms: number): number => Math.max(1, Math.ceil(ms / 1_000));

const counterKeyOf = ({ name }: Limit, identity: string): string => `${name}:${identity}`;

/**
 * A store for the library, which limits the calls of one operation to what its window has granted: each call meets a
 * window of one call, which is free or taken.
 */
class GrantedStore implements Store {
  #left: number;

  constructor(granted: number) {
    this.#left = granted;
  }

  getForIdentity(): number[] {
    this.#left -= 1;
    return this.#left >= 0 ? [] : [Date.now()];
  }

  /** Required by the library. The window has counted the call before. */
  setForIdentity(): void {}
}

type Library = { readonly getGraphQLRateLimiter: typeof getGraphQLRateLimiter };

/** The library needs no identity, because our window was chosen by it. */
const COUNTED = {};

/** Finds the calls that are refused, when a window has not granted all of them. */
async function findRefused(
  { getGraphQLRateLimiter }: Library,
  calls: readonly RootCall[],
  limit: Limit,
  taken: Taken,
): Promise<Map<string, RefusedField>> {
  const retryAfter = secondsUntil(taken.resetMs);
  const limiter = getGraphQLRateLimiter({
    store: new GrantedStore(taken.granted),
    identifyContext: () => limit.name,
    formatError: ({ fieldName }) =>
      `${fieldName}: at most ${limit.max} calls in ${limit.windowMs / 1_000} s are expected; try again in ${retryAfter} s.`,
  });
  const config = { max: 1, window: `${limit.windowMs}ms` };
  const refusedFields = new Map<string, RefusedField>();
  for (const { responseName, info } of calls) {
    // The library could derive the identity from arguments; this gateway does not use that.
    const message = await limiter({ parent: undefined, args: {}, context: COUNTED, info }, config);
    if (message !== undefined) refusedFields.set(responseName, { message, retryAfter });
  }
  refusedCalls.inc({ limit: limit.name }, refusedFields.size);
  return refusedFields;
}

/** The text that identifies the counted caller. */
const identityOf = ({ counts }: Limit, { address, userId }: Requester): string =>
  counts === 'address' || userId === undefined ? `address ${address}` : `user ${userId}`;

/** The calls of one operation that one window counts. */
interface Window {
  readonly limit: Limit;
  readonly identity: string;
  readonly calls: readonly RootCall[];
}

/** Creates a limiter for the fields in `table`. */
export async function createLimiter(table: LimitTable, counters: Counters): Promise<Limiter> {
  for (const { name } of table) refusedCalls.inc({ limit: name }, 0);
  // Loaded only where there are limits, because it loads a validator of forms and a rewriter of schemas, too.
  const library = await import('graphql-rate-limit');
  const ofUsers = fieldLimits(table, true);
  const ofAddresses = fieldLimits(table, false);

  /** The windows that count the calls by their limit number `round`. */
  function windowsOf(calls: readonly RootCall[], caller: Requester, round: number): Window[] {
    const limits = caller.userId === undefined ? ofAddresses : ofUsers;
    const windows: Window[] = calls.flatMap((call) => {
      const limit = limits(call.info.fieldName)[round];
      if (limit === undefined) return [];
      return { limit, identity: identityOf(limit, caller), calls: [call] };
    });
    return windows.length < 2 ? windows : mergeWindows(windows);
  }

  /** Counts the calls of a window. When the window grants all of them, none is refused. */
  async function count(
    { limit, identity, calls }: Window,
    refusedFields: Map<string, RefusedField>,
  ): Promise<Count> {
    const taken = await counters.take(counterKeyOf(limit, identity), calls.length, limit);
    if (taken.granted === calls.length) return { ...taken, limit, refused: false };
    for (const [responseName, refusedField] of await findRefused(library, calls, limit, taken))
      refusedFields.set(responseName, refusedField);
    return { ...taken, limit, refused: true };
  }

  return {
    decide: async (calls, caller) => {
      const refusedFields = new Map<string, RefusedField>();
      const counts: Count[] = [];
      for (let round = 0; ; round += 1) {
        const open =
          refusedFields.size === 0
            ? calls
            : calls.filter(({ responseName }) => !refusedFields.has(responseName));
        const windows = windowsOf(open, caller, round);
        if (windows.length === 0) return { refusedFields, counts };
        counts.push(...(await Promise.all(windows.map((window) => count(window, refusedFields)))));
      }
    },
    hit: async (limit, caller) => {
      const taken = await counters.take(counterKeyOf(limit, identityOf(limit, caller)), 1, limit);
      return { ...taken, limit, refused: taken.granted < 1 };
    },
    look: async (limit, caller) => {
      const taken = await counters.take(counterKeyOf(limit, identityOf(limit, caller)), 0, limit);
      return { ...taken, limit, refused: false };
    },
  };
}

/** The limits of each root field, looked up once for each field name. */
function fieldLimits(table: LimitTable, signedIn: boolean): (field: string) => LimitTable {
  const known = new Map<string, LimitTable>();
  return (field) => {
    const limits = known.get(field) ?? limitsOf(table, field, signedIn);
    known.set(field, limits);
    return limits;
  };
}

/** Joins the windows that have the same limit and identity. */
function mergeWindows(windows: readonly Window[]): Window[] {
  const groups = Map.groupBy(windows, ({ limit, identity }) => `${limit.name} ${identity}`);
  return [...groups.values()].flatMap(([first, ...others]) =>
    first ? { ...first, calls: [first, ...others].flatMap(({ calls }) => calls) } : [],
  );
}
