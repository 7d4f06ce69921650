// The code of a system error. Not by `instanceof Error`: under Jest, Node's own errors are of another realm.

/** `ENOENT`, `EADDRINUSE` and the like; undefined when it is no such error. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
