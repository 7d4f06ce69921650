// When keys sign and end, as laws: at every moment exactly one signs, and what it signs is verified for as long as it is good.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type AgedKey, liveKeys, publishedMaxAgeS, scheduleKeys, signerAt } from './key-schedule.ts';

const TIMES = { leadS: 900, tokenTtlS: 600 };
const key = (name: string, issuedAt?: number) => ({ name, issuedAt });
type Named = ReturnType<typeof key>;

const signing = (keys: readonly Named[], atS: number) =>
  signerAt(scheduleKeys(keys, TIMES), atS * 1_000)?.name;
const published = (keys: readonly Named[], atS: number) =>
  liveKeys(scheduleKeys(keys, TIMES), atS * 1_000).map(({ key: { name } }) => name);

describe('the schedule of the signing keys', () => {
  it('lets the only key sign at once', () => {
    expect(signing([key('new', 10_000)], 10_000)).toBe('new');
    expect(signing([key('new', 10_000)], 9_000)).toBe('new');
  });

  it('publishes a new key at once, signs with it after the lead, and ends the old one after its last token', () => {
    const keys = [key('new', 10_000), key('old', 1_000)];
    expect([signing(keys, 10_899), published(keys, 10_000)]).toEqual(['old', ['old', 'new']]);
    expect([signing(keys, 10_900), published(keys, 10_900)]).toEqual(['new', ['old', 'new']]);
    // The lead, the token's life and a minute for clocks that differ.
    expect(published(keys, 10_900 + 600 + 59)).toEqual(['old', 'new']);
    expect(published(keys, 10_900 + 600 + 60)).toEqual(['new']);
  });

  it('takes keys without an age for old ones, of which the first signs', () => {
    const keys = [key('first'), key('second'), key('new', 10_000)];
    expect([signing(keys, 10_899), signing(keys, 10_900)]).toEqual(['first', 'new']);
    expect(published(keys, 11_559)).toEqual(['first', 'second', 'new']);
    expect(published(keys, 11_560)).toEqual(['new']);
    expect(published([key('first'), key('second')], 1e9)).toEqual(['first', 'second']);
  });

  it('goes through keys that were made one soon after another in their order', () => {
    const keys = [key('a', 1_000), key('b', 10_000), key('c', 10_100)];
    expect([10_899, 10_900, 10_999, 11_000].map((at) => signing(keys, at))).toEqual(['a', 'b', 'b', 'c']);
  });

  it('signs with the first of those that were made in the same second, which end together', () => {
    const keys = [key('a', 1_000), key('b', 10_000), key('c', 10_000)];
    expect([10_899, 10_900, 1e9].map((at) => signing(keys, at))).toEqual(['a', 'b', 'b']);
    expect(published(keys, 1e9)).toEqual(['b', 'c']);
    const next = [...keys, key('d', 20_000)];
    expect(signing(next, 20_900)).toBe('d');
    expect([published(next, 21_559), published(next, 21_560)]).toEqual([['b', 'c', 'd'], ['d']]);
  });

  // Some of the same second, which random numbers hardly ever are.
  const anyAge = fc.oneof(fc.integer({ min: 0, max: 20_000 }), fc.constantFrom(undefined, 5_000, 10_000));
  const anyKeys = fc
    .array(anyAge, { minLength: 1, maxLength: 6 })
    .map((ages) => ages.map((issuedAt, index) => key(`key ${index}`, issuedAt)));
  const anyTimes = fc.record({
    leadS: fc.integer({ min: 3, max: 2_000 }),
    tokenTtlS: fc.integer({ min: 1, max: 3_600 }),
  });
  const anyMoment = fc.integer({ min: 0, max: 30_000_000 });

  it('has a signer at every moment, which is published until the last token of it has expired', () => {
    fc.assert(
      fc.property(anyKeys, anyTimes, anyMoment, (keys, times, now) => {
        const schedule = scheduleKeys(keys, times);
        const signer = signerAt(schedule, now);
        const lastUse = now + times.tokenTtlS * 1_000;
        return signer !== undefined && liveKeys(schedule, lastUse).some(({ key: each }) => each === signer);
      }),
    );
  });

  it('never signs with a key that is younger than the lead, unless nothing is older', () => {
    const ageOf = ({ issuedAt }: AgedKey): number => issuedAt ?? Number.NEGATIVE_INFINITY;
    fc.assert(
      fc.property(anyKeys, anyTimes, anyMoment, (keys, times, now) => {
        const signer = signerAt(scheduleKeys(keys, times), now);
        if (signer === undefined) return false;
        const oldest = Math.min(...keys.map(ageOf));
        return ageOf(signer) === oldest || ageOf(signer) + times.leadS <= now / 1_000;
      }),
    );
  });

  it('does not change when the keys that are over are taken out', () => {
    fc.assert(
      fc.property(anyKeys, anyTimes, anyMoment, anyMoment, (keys, times, now, later) => {
        const schedule = scheduleKeys(keys, times);
        const rest = scheduleKeys(
          liveKeys(schedule, now).map(({ key: each }) => each),
          times,
        );
        const at = Math.max(now, later);
        return (
          signerAt(rest, at) === signerAt(schedule, at) &&
          liveKeys(rest, at).length === liveKeys(schedule, at).length
        );
      }),
    );
  });

  it('lets copies of the published keys grow no older than a third of the lead, nor than five minutes', () => {
    expect([3, 10, 900, 86_400].map(publishedMaxAgeS)).toEqual([1, 3, 300, 300]);
  });
});
