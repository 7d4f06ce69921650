// How long each race, model and crash test runs: `npm run test:long -- --minutes N` sets it.

/** Minutes for each of these tests; undefined in an ordinary run, which does a fixed number of rounds. */
export function minutes(): number | undefined {
  const value = process.env['LONG_MINUTES'];
  return value === undefined ? undefined : Number(value);
}

/** Yields the numbers of the rounds: `count` of them, or in a long run as many as the time allows. */
export function* rounds(count: number): Generator<number> {
  const long = minutes();
  const until = Date.now() + (long ?? 0) * 60_000;
  for (let round = 0; long === undefined ? round < count : Date.now() < until; round += 1) yield round;
}

/** The longest time that such a test may take: `shortMs` in an ordinary run. */
export function timeLimitMs(shortMs: number): number {
  const long = minutes();
  return long === undefined ? shortMs : long * 60_000 + shortMs;
}
