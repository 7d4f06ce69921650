// Shares one call in flight between all callers that come while it is under way. The package p-memoize (`cache: false`)
// does the same, but brings one more dependency for these five lines.

/** @returns a function that begins `work`, or joins the call of `work` that has not settled yet */
export function singleFlight<Result>(work: () => Promise<Result>): () => Promise<Result> {
  let inFlight: Promise<Result> | undefined;
  return () => {
    inFlight ??= work().finally(() => {
      inFlight = undefined;
    });
    return inFlight;
  };
}
