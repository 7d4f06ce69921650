// The `Prefer` field (RFC 7240) of POST /orders: how long the caller waits for the outcome.

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
 * Reads `respond-async` and `wait=N` (seconds, at most 10); undefined when both are absent. As the RFC requires, unknown or
 * malformed preferences are ignored, and the first of a repeated preference counts.
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
