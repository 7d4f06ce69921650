// Pseudo-random numbers: the same for the same name on every machine.
import { createHash } from 'node:crypto';

export type Random = {
  /** 0 (included) to 1 (excluded). */
  next(): number;
  /** A whole number, both ends included. */
  between(low: number, high: number): number;
  /** True with this probability, 0 to 1. */
  happens(probability: number): boolean;
  /** One item, each with the same probability. Throws when `items` is empty. */
  pick<Item>(items: readonly Item[]): Item;
  /** Normal distribution of mean 0 and deviation 1. */
  normal(): number;
  /** A UUID of version 4. */
  uuid(): string;
};

/** Creates the random numbers of `name` (generator: mulberry32). */
export function createRandom(name: string): Random {
  let state = createHash('sha256').update(name).digest().readUInt32LE();
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    next,
    between: (low, high) => low + Math.floor(next() * (high - low + 1)),
    happens: (probability) => next() < probability,
    pick: (items) => {
      const item = items[Math.floor(next() * items.length)];
      if (item === undefined) throw new Error('there are no items to pick from');
      return item;
    },
    // The Box–Muller transform; 1 - next() is never 0.
    normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
    uuid: () =>
      'xxxxxxxx-xxxx-4xxx-8xxx-xxxxxxxxxxxx'.replace(/x/g, () => Math.floor(16 * next()).toString(16)),
  };
}
