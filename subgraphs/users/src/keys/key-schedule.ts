// Computes when each signing key is published, signs and ends, from the ages of the keys alone, so that instances with the same file
// agree without communication. A new key is published at once and signs after the lead, when every verifier has it. The key before it
// verifies until the last token that it signed has expired.

/** The part of a key that the schedule needs. */
export interface AgedKey {
  /** When the key was made, in seconds since the epoch; undefined for keys from before there was a schedule. */
  readonly issuedAt: number | undefined;
}

export interface KeyTimes {
  /** How long a new key is published before it signs, seconds. */
  readonly leadS: number;
  /** How long a token is valid, seconds. */
  readonly tokenTtlS: number;
}

export interface ScheduledKey<Key extends AgedKey> {
  readonly key: Key;
  /** Milliseconds since the epoch: the key signs from then until the next key signs. */
  readonly signsFrom: number;
  /** Milliseconds since the epoch: from then the key is not published and its tokens are not valid. */
  readonly endsAt: number;
}

/** By how much the clocks of instances may differ. One instance may still sign with a key that another one has retired. */
const MAX_CLOCK_DIFFERENCE_S = 60;

const marginS = ({ leadS }: KeyTimes): number => Math.min(MAX_CLOCK_DIFFERENCE_S, leadS);

/** The longest that a verifier may use its copy of the published keys, in seconds: a third of the lead. */
export const publishedMaxAgeS = (leadS: number): number => Math.min(300, Math.floor(leadS / 3));

/**
 * Groups keys of the same age: they begin and end together, and the first of them signs. Without groups, a key would end at once, when
 * another key of the same second begins. Keys without an age are the oldest.
 */
function groupByAge<Key extends AgedKey>(keys: readonly Key[]): Key[][] {
  const age = ({ issuedAt = -1 }: Key): number => issuedAt;
  const ages = [...new Set(keys.map(age))].sort((one, other) => one - other);
  return ages.map((each) => keys.filter((key) => age(key) === each));
}

/** The schedule of all keys, oldest first. The first group has signed from the beginning, because no key was before it. */
export function scheduleKeys<Key extends AgedKey>(
  keys: readonly Key[],
  times: KeyTimes,
): ScheduledKey<Key>[] {
  const groups = groupByAge(keys);
  const signsFrom = groups.map(([first], index) =>
    index === 0 ? Number.NEGATIVE_INFINITY : ((first?.issuedAt ?? 0) + times.leadS) * 1_000,
  );
  return groups.flatMap((group, index) => {
    const replacedAt = signsFrom[index + 1] ?? Number.POSITIVE_INFINITY;
    const endsAt = replacedAt + (times.tokenTtlS + marginS(times)) * 1_000;
    return group.map((key) => ({ key, signsFrom: signsFrom[index] ?? replacedAt, endsAt }));
  });
}

/** The keys that have not ended at `now`, ms. Of a non-empty schedule at least one key remains. */
export const liveKeys = <Key extends AgedKey>(
  schedule: readonly ScheduledKey<Key>[],
  now: number,
): ScheduledKey<Key>[] => schedule.filter(({ endsAt }) => now < endsAt);

/** The key that signs at `now`, ms: the first key of the group that began last. */
export function signerAt<Key extends AgedKey>(
  schedule: readonly ScheduledKey<Key>[],
  now: number,
): Key | undefined {
  const begun = schedule.filter(({ signsFrom }) => signsFrom <= now);
  const latest = begun.at(-1);
  return begun.find(({ signsFrom }) => signsFrom === latest?.signsFrom)?.key;
}
