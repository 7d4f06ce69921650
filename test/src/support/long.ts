// How long the race, model and crash tests are to run: `npm run test:long -- --minutes N` says so.

/** Minutes for each of the long tests; undefined in an ordinary run, which does a fixed number of rounds. */
export function minutes(): number | undefined {
  const value = process.env['LONG_MINUTES'];
  return value === undefined ? undefined : Number(value);
}

/** The time that such a test may take in all: `shortMs` in an ordinary run. */
export function timeLimitMs(shortMs: number): number {
  const long = minutes();
  return long === undefined ? shortMs : long * 60_000 + shortMs;
}
