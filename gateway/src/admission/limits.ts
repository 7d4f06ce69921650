// The table of rate limits: how often a field may be called, and which caller is counted.
import { z } from 'zod';

/**
 * `caller` is the signed-in user, or the address of a caller who is not signed in. `invalid` is the caller of a request that
 * executed no operation: it was invalid, unauthenticated, not found, or for a page.
 */
export type Counted = 'address' | 'user' | 'caller' | 'invalid';

export interface Limit {
  /** The name of the limit in the setting, in the headers of replies and in the metrics. */
  readonly name: string;
  /** The root field that the limit holds for; without it, all root fields that have no limit of their own. */
  readonly field?: string;
  readonly counts: Counted;
  readonly max: number;
  /** A window opens with the first call and lasts this long. */
  readonly windowMs: number;
}

export type LimitTable = readonly Limit[];

const MINUTE_MS = 60_000;

/** Where a field has several limits, a later limit counts only the calls that the earlier limits allowed. */
export const DEFAULT_LIMITS = [
  { name: 'register', field: 'register', counts: 'address', max: 5, windowMs: MINUTE_MS },
  { name: 'login', field: 'login', counts: 'address', max: 10, windowMs: MINUTE_MS },
  { name: 'refreshSession', field: 'refreshSession', counts: 'address', max: 30, windowMs: MINUTE_MS },
  { name: 'changePassword', field: 'changePassword', counts: 'caller', max: 10, windowMs: MINUTE_MS },
  {
    name: 'requestPasswordReset',
    field: 'requestPasswordReset',
    counts: 'address',
    max: 5,
    windowMs: MINUTE_MS,
  },
  { name: 'resetPassword', field: 'resetPassword', counts: 'address', max: 10, windowMs: MINUTE_MS },
  {
    name: 'requestEmailVerification',
    field: 'requestEmailVerification',
    counts: 'caller',
    max: 5,
    windowMs: MINUTE_MS,
  },
  { name: 'verifyEmail', field: 'verifyEmail', counts: 'address', max: 10, windowMs: MINUTE_MS },
  { name: 'changeEmail', field: 'changeEmail', counts: 'caller', max: 5, windowMs: MINUTE_MS },
  { name: 'confirmLogin', field: 'confirmLogin', counts: 'address', max: 10, windowMs: MINUTE_MS },
  { name: 'createOrder', field: 'createOrder', counts: 'caller', max: 60, windowMs: MINUTE_MS },
  { name: 'invalid', counts: 'invalid', max: 120, windowMs: MINUTE_MS },
  { name: 'user', counts: 'user', max: 1_200, windowMs: MINUTE_MS },
  { name: 'address', counts: 'address', max: 600, windowMs: MINUTE_MS },
] as const satisfies LimitTable;

/** The limits of a root field, in the order in which they count. A limit of its own replaces the default limits. */
export function limitsOf(table: LimitTable, field: string, signedIn: boolean): LimitTable {
  const own = table.filter((limit) => limit.field === field);
  return own.length > 0 ? own : defaultLimits(table, signedIn);
}

/** The limits of all root fields that have no limit of their own. */
export function defaultLimits(table: LimitTable, signedIn: boolean): LimitTable {
  const counts: Counted = signedIn ? 'user' : 'address';
  return table.filter((limit) => limit.field === undefined && limit.counts === counts);
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: MINUTE_MS, h: 60 * MINUTE_MS };
const MAX_CALLS = 1_000_000;
const MAX_WINDOW_MS = 24 * 60 * MINUTE_MS;
const NAMES = DEFAULT_LIMITS.map(({ name }) => name).join(', ');

type Override = Pick<Limit, 'name' | 'max' | 'windowMs'>;

/** Reads `login=10/1m`; gives a message when the text is not valid. */
function readOverride(text: string): Override | string {
  const [, name = '', calls = '', length = '', unit = ''] =
    /^(\w+)=(\d{1,9})\/(\d{1,9})(ms|s|m|h)$/.exec(text.trim()) ?? [];
  if (name === '') return `expected <name>=<calls>/<window> such as login=10/1m, got ${JSON.stringify(text)}`;
  if (!DEFAULT_LIMITS.some((limit) => limit.name === name))
    return `there is no limit ${JSON.stringify(name)}; there are ${NAMES}`;
  const max = Number(calls);
  if (max < 1 || max > MAX_CALLS) return `${name}: expected 1 to ${MAX_CALLS} calls, got ${calls}`;
  const windowMs = Number(length) * (UNIT_MS[unit] ?? 0);
  if (windowMs < 1 || windowMs > MAX_WINDOW_MS)
    return `${name}: expected a window of 1ms to 24h, got ${length}${unit}`;
  return { name, max, windowMs };
}

/** The limit with the quota of the setting in place of that of the table. */
function withOverrides(limit: Limit, overrides: ReadonlyMap<string, Override>): Limit {
  const { max, windowMs } = overrides.get(limit.name) ?? limit;
  return { ...limit, max, windowMs };
}

/**
 * The setting RATE_LIMITS: the differences from the table, such as `register=5/1m,login=10/1m`, or `off`.
 * There is one error for each part that is not valid.
 */
export const rateLimits = z
  .string()
  .default('')
  .transform((text, context): LimitTable | 'off' => {
    if (text === 'off') return 'off';
    const overrides = new Map<string, Override>();
    for (const part of text === '' ? [] : text.split(',')) {
      const override = readOverride(part);
      if (typeof override === 'string') context.addIssue({ code: 'custom', message: override });
      else if (overrides.has(override.name))
        context.addIssue({ code: 'custom', message: `${override.name} is named twice` });
      else overrides.set(override.name, override);
    }
    return DEFAULT_LIMITS.map((limit) => withOverrides(limit, overrides));
  })
  .describe(
    'What differs from the [table of limits](api.md#limits), as `login=20/1m,createOrder=10/30s` (windows in `ms`, `s`, `m` ' +
      'or `h`), or `off`.',
  );
