// Idempotency keys of clients: the rule for a key, the hash of what came with it, and the counter of calls that were
// answered from what an earlier one with their key had done.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { Counter, registry } from '../observability/metrics.ts';
import { came } from '../validation.ts';

const RULE = '1 to 255 printable ASCII characters';

/** What was expected of a key, and what came. */
export const keyError = (given: unknown): string => `expected ${RULE}, got ${came(given)}`;

export const idempotencyKey = z
  .string()
  .regex(/^[\x20-\x7e]{1,255}$/, { error: ({ input }) => keyError(input) })
  .nullish()
  .transform((key) => key ?? undefined);

/** SHA-256 of a request: the same for the same parts, each of which is in its canonical form. */
export const requestHash = (parts: readonly (string | number | null)[]): Buffer =>
  createHash('sha256').update(JSON.stringify(parts)).digest();

/** The union member that tells a caller that its key stands for another request. */
export interface IdempotencyKeyReused {
  readonly __typename: 'IdempotencyKeyReused';
  readonly code: 'IDEMPOTENCY_KEY_REUSED';
  readonly message: string;
}

/** @param difference what may differ from the first request, as "another product or quantity" */
export const keyReused = (difference: string): IdempotencyKeyReused => ({
  __typename: 'IdempotencyKeyReused',
  code: 'IDEMPOTENCY_KEY_REUSED',
  message: `This idempotency key was used before with ${difference}. Use a new key for a new request.`,
});

const replays = new Counter({
  name: 'idempotent_replays_total',
  help: 'Calls that changed nothing because an earlier one with their key had done it.',
  registers: [registry],
});
export const countReplay = (): void => replays.inc();
