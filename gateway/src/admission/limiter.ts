// Decides which root fields of an operation may be executed. graphql-rate-limit asks and words the answer; the counting
// is done in one step by a store of ours, because the library itself reads, decides and then writes.
import { createHash } from 'node:crypto';
import { Counter, registry } from '@holdfast/platform/metrics';
import { getGraphQLRateLimiter, type Identity, type Store } from 'graphql-rate-limit';
import type { Refusal, Refusals } from '../operations/refused-fields.ts';
import type { RootCall } from '../operations/root-calls.ts';
import type { Variables } from '../operations/root-fields.ts';
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
  decide(calls: readonly RootCall[], variables: Variables, caller: Requester): Promise<Decision>;
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
 * A store for the calls that one operation makes in one window. When it is asked first it takes as many hits as there
 * are calls; then it hands them out. The library lets a call through when the list that it gets has room for one more.
 */
class WindowStore implements Store {
  taken: Taken | undefined;
  #left = 0;
  readonly #take: (identity: string) => Promise<Taken>;
  readonly #max: number;

  constructor(counters: Counters, limit: Limit, wanted: number) {
    this.#max = limit.max;
    this.#take = (identity) => counters.take(keyOf(limit, identity), wanted, limit);
  }

  async getForIdentity({ contextIdentity }: Identity): Promise<number[]> {
    if (this.taken === undefined) {
      this.taken = await this.#take(contextIdentity);
      this.#left = this.taken.granted;
    }
    this.#left -= 1;
    return this.#left >= 0 ? [] : new Array<number>(this.#max).fill(Date.now());
  }

  /** The hit was counted when it was asked for. */
  setForIdentity(): void {}
}

/** What the library reads of a context: who is counted. */
interface CountedContext {
  readonly identity: string;
}

/** Asks for calls that one window counts. Calls after one that was refused are refused as well. */
async function ask(counters: Counters, limit: Limit, identity: string, calls: readonly RootCall[]) {
  const store = new WindowStore(counters, limit, calls.length);
  const limiter = getGraphQLRateLimiter({
    store,
    identifyContext: (context: CountedContext) => context.identity,
    formatError: ({ fieldName, max }) => {
      const wait = secondsUntil(store.taken?.resetMs ?? 0);
      return `${fieldName}: at most ${max} calls in ${limit.windowMs / 1_000} s are expected; try again in ${wait} s.`;
    },
  });
  const config = { max: limit.max, window: `${limit.windowMs}ms` };
  const context: CountedContext = { identity };
  const refusals = new Map<string, Refusal>();
  let message: string | undefined;
  for (const { responseName, info } of calls) {
    // Who is counted does not depend on the arguments by the library's own means.
    message ??= await limiter({ parent: undefined, args: {}, context, info }, config);
    if (message === undefined) continue;
    refusals.set(responseName, { message, retryAfter: secondsUntil(store.taken?.resetMs ?? 0) });
  }
  refusedCalls.inc({ limit: limit.name }, refusals.size);
  return { refusals, taken: store.taken };
}

type Arguments = Readonly<Record<string, unknown>>;
const noArguments = (): Arguments => ({});

/** The text that stands for who is counted. */
function identityOf({ counts }: Limit, { address, userId }: Requester, argumentsOf: () => Arguments): string {
  if (counts === 'account') return `account ${shortened(accountName(argumentsOf()))}`;
  return counts === 'address' || userId === undefined ? `address ${address}` : `user ${userId}`;
}

/** A name comes from outside: in a key it is neither long nor legible. */
const shortened = (name: string): string =>
  createHash('sha256').update(name).digest('base64url').slice(0, 22);

/** As the users service compares names: without the space around them and without case. */
function accountName({ input }: Arguments): string {
  const hasName = typeof input === 'object' && input !== null && 'username' in input;
  return hasName ? String(input.username).trim().toLowerCase() : '';
}

/** A limiter of the fields in `table`. */
export function createLimiter(table: LimitTable, counters: Counters): Limiter {
  for (const { name } of table) refusedCalls.inc({ limit: name }, 0);

  /** The calls that the same window counts, for their limit number `round`. */
  function windowsOf(calls: readonly RootCall[], variables: Variables, caller: Requester, round: number) {
    const windows = new Map<string, { limit: Limit; identity: string; calls: RootCall[] }>();
    for (const call of calls) {
      const limit = limitsOf(table, call.info.fieldName, caller.userId !== undefined)[round];
      if (limit === undefined) continue;
      const identity = identityOf(limit, caller, () => call.argumentsOf(variables));
      const key = `${limit.name} ${identity}`;
      const window = windows.get(key) ?? { limit, identity, calls: [] };
      windows.set(key, window);
      window.calls.push(call);
    }
    return [...windows.values()];
  }

  return {
    decide: async (calls, variables, caller) => {
      const refusals = new Map<string, Refusal>();
      const counts: Count[] = [];
      for (let round = 0; ; round += 1) {
        const open = calls.filter(({ responseName }) => !refusals.has(responseName));
        const windows = windowsOf(open, variables, caller, round);
        if (windows.length === 0) return { refusals, counts };
        await Promise.all(
          windows.map(async ({ limit, identity, calls: counted }) => {
            const { taken, refusals: refused } = await ask(counters, limit, identity, counted);
            for (const [responseName, refusal] of refused) refusals.set(responseName, refusal);
            if (taken) counts.push({ ...taken, limit, refused: refused.size > 0 });
          }),
        );
      }
    },
    hit: async (limit, caller) => {
      const taken = await counters.take(keyOf(limit, identityOf(limit, caller, noArguments)), 1, limit);
      return { ...taken, limit, refused: taken.granted < 1 };
    },
    look: async (limit, caller) => {
      const taken = await counters.take(keyOf(limit, identityOf(limit, caller, noArguments)), 0, limit);
      return { ...taken, limit, refused: false };
    },
  };
}
