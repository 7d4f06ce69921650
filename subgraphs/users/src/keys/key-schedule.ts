// When each signing key is published, signs, and ends: computed from the keys' ages alone, so that instances which read
// the same file agree without talking. A new key is published at once and signs after the lead, by when every verifier
// has it; the one before it goes on verifying until the last token that it signed has expired.

/** A key as the schedule needs it. */
export interface AgedKey {
  /** When it was made, seconds since the epoch; undefined for keys of files from before there was a schedule. */
  readonly issuedAt: number | undefined;
}

export interface KeyTimes {
  /** How long a new key is published before it signs, seconds. */
  readonly leadS: number;
  /** How long a token is good, seconds. */
  readonly tokenTtlS: number;
}

export interface ScheduledKey<Key extends AgedKey> {
  readonly key: Key;
  /** Milliseconds since the epoch: from when on it signs, until the next one does. */
  readonly signsFrom: number;
  /** Milliseconds since the epoch: from when on it is not published any more and no token of it is good. */
  readonly endsAt: number;
}

/** By how much the clocks of instances may differ: one may still sign with a key that another has retired. */
const MAX_CLOCK_DIFFERENCE_S = 60;

const marginS = ({ leadS }: KeyTimes): number => Math.min(MAX_CLOCK_DIFFERENCE_S, leadS);

/** The longest that anybody may go by an old copy of the published keys, seconds: a third of the lead. */
export const publishedMaxAgeS = (leadS: number): number => Math.min(300, Math.floor(leadS / 3));

/**
 * Keys of one age begin and end together, and the first of them signs; those without an age are the oldest. Were each
 * made in the same second one by itself, the one that signs would end when the next of them began: at once.
 */
function generationsOf<Key extends AgedKey>(keys: readonly Key[]): Key[][] {
  const age = ({ issuedAt = -1 }: Key): number => issuedAt;
  const ages = [...new Set(keys.map(age))].sort((one, other) => one - other);
  return ages.map((each) => keys.filter((key) => age(key) === each));
}

/** The schedule of all keys, oldest first. The first generation has always signed: there was nothing before it. */
export function scheduleKeys<Key extends AgedKey>(
  keys: readonly Key[],
  times: KeyTimes,
): ScheduledKey<Key>[] {
  const generations = generationsOf(keys);
  const signsFrom = generations.map(([first], index) =>
    index === 0 ? Number.NEGATIVE_INFINITY : ((first?.issuedAt ?? 0) + times.leadS) * 1_000,
  );
  return generations.flatMap((generation, index) => {
    const replacedAt = signsFrom[index + 1] ?? Number.POSITIVE_INFINITY;
    const endsAt = replacedAt + (times.tokenTtlS + marginS(times)) * 1_000;
    return generation.map((key) => ({ key, signsFrom: signsFrom[index] ?? replacedAt, endsAt }));
  });
}

/** The keys that are not over at `now`, ms; of every non-empty schedule at least one is left. */
export const liveKeys = <Key extends AgedKey>(
  schedule: readonly ScheduledKey<Key>[],
  now: number,
): ScheduledKey<Key>[] => schedule.filter(({ endsAt }) => now < endsAt);

/** The key that signs at `now`, ms: the first of those that began last. */
export function signerAt<Key extends AgedKey>(
  schedule: readonly ScheduledKey<Key>[],
  now: number,
): Key | undefined {
  const begun = schedule.filter(({ signsFrom }) => signsFrom <= now);
  const latest = begun.at(-1);
  return begun.find(({ signsFrom }) => signsFrom === latest?.signsFrom)?.key;
}
