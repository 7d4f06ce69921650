/**
 * Makes a random idempotency key for one intent: every try sends the same key, so the server executes it once. (`crypto.randomUUID`
 * exists only on HTTPS and localhost.)
 */
export function makeKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');
}
