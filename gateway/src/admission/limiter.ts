// Decides which root fields of an operation may be executed. Stores of ours count all calls of a window in one step, because
// graphql-rate-limit itself reads, decides and then writes. It decides which calls are refused when not all are granted, and
// it words the refusals.
import { Counter, registry } from '@holdfast/platform/observability/metrics';
import { getGraphQLRateLimiter, type Store } from 'graphql-rate-limit';
import type { Refusal, Refusals } from '../operations/refused-fields.ts';
import type { RootCall } from '../operations/root-calls.ts';
import type { Counters, Taken } from './counters.ts';
import { type Limit, type LimitTable, limitsOf } from './limits.ts';

/** Who is counted. */
export interface Requester {
  readonly address: string;
  /** Undefined unless signed in. */
  readonly userId: number | undefined;
}

/** What one window said to the calls of one operation. */
export interface Count extends Taken {
  readonly limit: Limit;
  readonly refused: boolean;
}

export interface Decision {
  readonly refusals: Refusals;
  readonly counts: readonly Count[];
}

export interface Limiter {
  /** Counts the calls, and says which of them are too many. */
  decide(calls: readonly RootCall[], caller: Requester): Promise<Decision>;
  /** Counts something that is no call, and says whether it was too much. */
  hit(limit: Limit, caller: Requester): Promise<Count>;
  /** What is left to the caller, uncounted. */
  look(limit: Limit, caller: Requester): Promise<Count>;
}

const refusedCalls = new Counter({
  name: 'rate_limit_refusals_total',
  help: 'Root fields that were not executed because their limit was reached.',
  labelNames: ['limit'],
  registers: [registry],
});

/** Seconds to wait for something that is `ms` away. */
export const secondsUntil = (ms: number): number => Math.max(1, Math.ceil(ms / 1_000));

const keyOf = ({ name }: Limit, identity: string): string => `${name}:${identity}`;

/**
 * A store that holds the calls of one operation to what its window has granted: each call meets a window of one, which is
 * free or taken.
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

  /** The hit was counted before. */
  setForIdentity(): void {}
}

/** Who is counted is a part of what was taken, and needs no part in the library's question. */
const COUNTED = {};

/** Which calls are refused, when a window has not granted all of them. */
async function refusalsOf(
  calls: readonly RootCall[],
  limit: Limit,
  taken: Taken,
): Promise<Map<string, Refusal>> {
  const retryAfter = secondsUntil(taken.resetMs);
  const limiter = getGraphQLRateLimiter({
    store: new GrantedStore(taken.granted),
    identifyContext: () => limit.name,
    formatError: ({ fieldName }) =>
      `${fieldName}: at most ${limit.max} calls in ${limit.windowMs / 1_000} s are expected; try again in ${retryAfter} s.`,
  });
  const config = { max: 1, window: `${limit.windowMs}ms` };
  const refusals = new Map<string, Refusal>();
  for (const { responseName, info } of calls) {
    // Who is counted does not depend on the arguments by the library's own means.
    const message = await limiter({ parent: undefined, args: {}, context: COUNTED, info }, config);
    if (message !== undefined) refusals.set(responseName, { message, retryAfter });
  }
  refusedCalls.inc({ limit: limit.name }, refusals.size);
  return refusals;
}

/** The text that stands for who is counted. */
const identityOf = ({ counts }: Limit, { address, userId }: Requester): string =>
  counts === 'address' || userId === undefined ? `address ${address}` : `user ${userId}`;

/** The calls of one operation that one window counts. */
interface Window {
  readonly limit: Limit;
  readonly identity: string;
  readonly calls: readonly RootCall[];
}

/** A limiter of the fields in `table`. */
export function createLimiter(table: LimitTable, counters: Counters): Limiter {
  for (const { name } of table) refusedCalls.inc({ limit: name }, 0);
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
    return windows.length < 2 ? windows : merged(windows);
  }

  /** Counts the calls of a window. What is granted in full needs no other decision. */
  async function count({ limit, identity, calls }: Window, refusals: Map<string, Refusal>): Promise<Count> {
    const taken = await counters.take(keyOf(limit, identity), calls.length, limit);
    if (taken.granted === calls.length) return { ...taken, limit, refused: false };
    for (const [responseName, refusal] of await refusalsOf(calls, limit, taken))
      refusals.set(responseName, refusal);
    return { ...taken, limit, refused: true };
  }

  return {
    decide: async (calls, caller) => {
      const refusals = new Map<string, Refusal>();
      const counts: Count[] = [];
      for (let round = 0; ; round += 1) {
        const open =
          refusals.size === 0 ? calls : calls.filter(({ responseName }) => !refusals.has(responseName));
        const windows = windowsOf(open, caller, round);
        if (windows.length === 0) return { refusals, counts };
        counts.push(...(await Promise.all(windows.map((window) => count(window, refusals)))));
      }
    },
    hit: async (limit, caller) => {
      const taken = await counters.take(keyOf(limit, identityOf(limit, caller)), 1, limit);
      return { ...taken, limit, refused: taken.granted < 1 };
    },
    look: async (limit, caller) => {
      const taken = await counters.take(keyOf(limit, identityOf(limit, caller)), 0, limit);
      return { ...taken, limit, refused: false };
    },
  };
}

/** The limits of each root field, looked up once: the schema has only so many. */
function fieldLimits(table: LimitTable, signedIn: boolean): (field: string) => LimitTable {
  const known = new Map<string, LimitTable>();
  return (field) => {
    const limits = known.get(field) ?? limitsOf(table, field, signedIn);
    known.set(field, limits);
    return limits;
  };
}

/** Calls that the same window counts, together. */
function merged(windows: readonly Window[]): Window[] {
  const groups = Map.groupBy(windows, ({ limit, identity }) => `${limit.name} ${identity}`);
  return [...groups.values()].flatMap(([first, ...others]) =>
    first ? { ...first, calls: [first, ...others].flatMap(({ calls }) => calls) } : [],
  );
}
