// Numbers that look random and are the same in every run (mulberry32), and hashes of texts.

export interface Random {
  /** An integer from 0 to below `count`. */
  below(count: number): number;
  /** True in so many of a hundred cases. */
  percent(chance: number): boolean;
  /** One of the list, which must not be empty. */
  pick<T>(list: readonly T[]): T;
}

export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (count: number) => Math.floor(next() * count);
  return {
    below,
    percent: (chance) => below(100) < chance,
    pick: (list) => {
      const picked = list[below(list.length)];
      if (picked === undefined) throw new Error('a list with entries is expected');
      return picked;
    },
  };
}

/** A hash of the text (FNV-1a, mixed once more), an integer of 32 bits. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1)
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return (hash ^ (hash >>> 13)) >>> 0;
}
