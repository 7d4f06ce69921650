// Idempotency keys of clients: the rule for a key, the hash of its request, and the counter of replays, which are answered with
// the result of the first request.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { Counter, registry } from '../observability/metrics.ts';
import { came } from '../validation.ts';

const RULE = '1 to 255 printable ASCII characters';

/** The message for a key that breaks the rule. */
export const keyError = (given: unknown): string => `expected ${RULE}, got ${came(given)}`;

export const idempotencyKey = z
  .string()
  .regex(/^[\x20-\x7e]{1,255}$/, { error: ({ input }) => keyError(input) })
  .nullish()
  .transform((key) => key ?? undefined);

/** The SHA-256 of a request. Give each part in its canonical form, so that equal requests have equal hashes. */
export const requestHash = (parts: readonly (string | number | null)[]): Buffer =>
  createHash('sha256').update(JSON.stringify(parts)).digest();

/** The problem that tells a caller that its key belongs to another request. */
export interface IdempotencyKeyReused {
  readonly __typename: 'IdempotencyKeyReused';
  readonly code: 'IDEMPOTENCY_KEY_REUSED';
  readonly message: string;
}

/** @param difference what may differ from the first request, such as "another product or quantity" */
export const keyReused = (difference: string): IdempotencyKeyReused => ({
  __typename: 'IdempotencyKeyReused',
  code: 'IDEMPOTENCY_KEY_REUSED',
  message: `This idempotency key was used before with ${difference}. Use a new key for a new request.`,
});

const replays = new Counter({
  name: 'idempotent_replays_total',
  help: 'Calls that changed no data because an earlier call with the same key had done the work.',
  registers: [registry],
});
export const countReplay = (): void => replays.inc();
