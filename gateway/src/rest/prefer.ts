// The `Prefer` field (RFC 7240) of POST /orders: how long the caller will wait for the outcome.

export interface WaitPreference {
  /** Milliseconds to wait for the order to be settled. */
  readonly waitMs: number;
  /** The value for `Preference-Applied`. */
  readonly applied: string;
}

const MAX_WAIT_S = 10;
/** A preference: a token, with a value that is a token or a quoted string; parameters are skipped. */
const PREFERENCE = /^[ \t]*([!#$%&'*+.^_`|~\w-]+)[ \t]*(?:=[ \t]*(?:"([^"]*)"|([^";, \t]*)))?[ \t]*(?:;.*)?$/;

/**
 * What `respond-async` and `wait=N` (seconds, at most 10 count) ask for; undefined when neither is there. Preferences
 * that are unknown or malformed are ignored, and of one that comes twice the first counts, as the RFC says.
 */
export function readWaitPreference(value: string | undefined): WaitPreference | undefined {
  const preferences = new Map<string, string>();
  for (const part of value?.split(',') ?? []) {
    const [, name, quoted, token] = PREFERENCE.exec(part) ?? [];
    if (name !== undefined && !preferences.has(name.toLowerCase()))
      preferences.set(name.toLowerCase(), quoted ?? token ?? '');
  }
  const wait = preferences.get('wait');
  const seconds =
    wait !== undefined && /^\d{1,9}$/.test(wait) ? Math.min(Number(wait), MAX_WAIT_S) : undefined;
  const asynchronous = preferences.has('respond-async');
  if (seconds === undefined && !asynchronous) return undefined;
  const applied = [
    ...(asynchronous ? ['respond-async'] : []),
    ...(seconds === undefined ? [] : [`wait=${seconds}`]),
  ];
  return { waitMs: (seconds ?? 0) * 1_000, applied: applied.join(', ') };
}
