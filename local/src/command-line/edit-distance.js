// The distance between two names, to guess which name a misspelt one was meant to be.
// Plain JavaScript, because commands read their options on the Node of the machine, which may not support TypeScript.

/**
 * The number of letters to insert, delete, replace or swap with the next one (optimal string alignment).
 * @param {string} from
 * @param {string} to
 * @returns {number}
 */
export function computeEditDistance(from, to) {
  /** @type {number[]} */
  let beforeLast = [];
  let last = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= to.length; j += 1) {
      const isSame = from[i - 1] === to[j - 1];
      const isSwap = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      row[j] = Math.min(
        at(last, j) + 1,
        at(row, j - 1) + 1,
        at(last, j - 1) + (isSame ? 0 : 1),
        isSwap ? at(beforeLast, j - 2) + 1 : Number.POSITIVE_INFINITY,
      );
    }
    [beforeLast, last] = [last, row];
  }
  return at(last, to.length);
}

/** At most one letter of this many may be wrong: PROT is a misspelt PORT, but PATH is not. */
const LETTERS_PER_MISTAKE = 4;

/**
 * The name of `names` that is nearest to `name`, and whether they differ by so few letters that `name` is a misspelling;
 * undefined when `names` is empty.
 * @param {string} name
 * @param {Iterable<string>} names
 */
export function findNearestName(name, names) {
  /** @type {{ name: string, distance: number } | undefined} */
  let nearest;
  for (const each of names) {
    const distance = computeEditDistance(name, each);
    if (nearest === undefined || distance < nearest.distance) nearest = { name: each, distance };
  }
  return (
    nearest && {
      name: nearest.name,
      isMisspelt: nearest.distance <= Math.floor(nearest.name.length / LETTERS_PER_MISTAKE),
    }
  );
}

/**
 * @param {readonly number[]} row
 * @param {number} index
 */
const at = (row, index) => row[index] ?? Number.POSITIVE_INFINITY;
