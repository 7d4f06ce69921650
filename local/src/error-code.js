// The code of a system error. Not by `instanceof Error`: under Jest, Node's own errors are of another realm.
// Plain JavaScript, as all that `npm start` runs from this folder on the Node of the machine, which may not know TypeScript.

/**
 * `ENOENT`, `EADDRINUSE` and the like; undefined when it is no such error.
 * @param {unknown} error
 */
export function errorCode(error) {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/**
 * For a file operation that is rejected: undefined when the file or folder does not exist, and the error itself for every
 * other reason. An unreadable file is not an absent one.
 * @param {unknown} error
 * @returns {undefined}
 */
export function unlessAbsent(error) {
  if (errorCode(error) !== 'ENOENT') throw error;
  return undefined;
}
