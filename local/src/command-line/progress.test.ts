// The progress of a long step, in a terminal and in a log.
import { expect, test } from '@jest/globals';
import { formatDuration, isWatched, showProgress } from './progress.js';

/** Runs 100 of 400 items, each for a second; returns what the progress wrote. */
function runItems(watched: boolean): string[] {
  const texts: string[] = [];
  let now = 0;
  const progress = showProgress('seeding', 400, 'batches', {
    watched,
    write: (text) => texts.push(text),
    nowMs: () => now,
  });
  for (let done = 1; done <= 100; done += 1) {
    now += 1_000;
    progress.reach(done);
  }
  progress.end();
  return texts;
}

test('a terminal shows a bar and an estimate in one line, which is cleared at the end', () => {
  const texts = runItems(true);
  expect(texts.join('')).not.toContain('\n');
  expect(texts).toHaveLength(101);
  expect(texts.at(-2)).toBe(
    '\r  seeding ██████░░░░░░░░░░░░░░░░░░  25 %, 100 of 400 batches, about 5 min 0 s left',
  );
  expect(texts.at(-1)?.trim()).toBe('');
});

test('a log gets a line every ten seconds, without control characters', () => {
  const texts = runItems(false);
  expect(texts).toHaveLength(10);
  expect(texts[9]).toBe('  seeding  25 %, 100 of 400 batches, about 5 min 0 s left\n');
});

test('only a terminal outside of CI is overwritten', () => {
  expect(isWatched({ isTTY: true }, {})).toBe(true);
  expect(isWatched({ isTTY: true }, { CI: 'true' })).toBe(false);
  expect(isWatched({ isTTY: true }, { TERM: 'dumb' })).toBe(false);
  expect(isWatched({}, {})).toBe(false);
});

test('a duration has minutes and seconds', () => {
  expect([formatDuration(400), formatDuration(59_400), formatDuration(185_000)]).toEqual([
    '0 s',
    '59 s',
    '3 min 5 s',
  ]);
});
