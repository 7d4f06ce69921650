// The header fields about limits: RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers-10, structured
// fields of RFC 9651) and, with 429, Retry-After (RFC 9110, 10.2.3).
import { type Count, secondsUntil } from './limiter.ts';

/** The count that will stop the caller first: one that refused a call, else the one with the fewest calls left. */
export function findTightest(counts: readonly Count[]): Count | undefined {
  const left = ({ refused, remaining }: Count) => (refused ? -1 : remaining);
  const [first, ...others] = counts;
  return first && others.reduce((before, count) => (left(count) < left(before) ? count : before), first);
}

export type LimitFields = Readonly<Record<string, string>>;

export function limitFields({ limit, remaining, resetMs }: Count, status: number): LimitFields {
  const reset = secondsUntil(resetMs);
  const fields = {
    'ratelimit-policy': `"${limit.name}";q=${limit.max};w=${secondsUntil(limit.windowMs)}`,
    ratelimit: `"${limit.name}";r=${remaining};t=${reset}`,
  };
  return status === 429 ? { ...fields, 'retry-after': String(reset) } : fields;
}
