// The code of a system error. It does not use `instanceof Error`, because under Jest Node's own errors belong to another realm.
// Plain JavaScript, because `npm start` runs it on the Node of the machine, which may not support TypeScript.

/**
 * `ENOENT`, `EADDRINUSE` and the like; undefined for any other value.
 * @param {unknown} error
 */
export function errorCode(error) {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/**
 * For the `catch` of a file operation. Returns undefined when the file or folder does not exist, and throws every other error,
 * because an unreadable file is not an absent one.
 * @param {unknown} error
 * @returns {undefined}
 */
export function unlessAbsent(error) {
  if (errorCode(error) !== 'ENOENT') throw error;
  return undefined;
}
