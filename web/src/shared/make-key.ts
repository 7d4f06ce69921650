/**
 * A random key for one intent: every try of it sends the same key, so it happens once. (`crypto.randomUUID` is there on
 * HTTPS and localhost only.)
 */
export function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');
}
