// What an order may ask for.
import { idempotencyKey } from '@holdfast/platform/postgres/idempotency';
import { came, isMultilineText, isVisible, lengthOf } from '@holdfast/platform/validation';
import { z } from 'zod';

const MAX_QUANTITY = 10_000;
const MAX_WAIT_MS = 10_000;
const MAX_REASON = 500;

const got = (rule: string) => (issue: { input?: unknown }) => `expected ${rule}, got ${came(issue.input)}`;

const quantityRule = `a whole number of 1 to ${MAX_QUANTITY}`;
const waitRule = `a whole number of 0 to ${MAX_WAIT_MS} ms`;

export const orderRules = z.strictObject({
  productId: z.string(),
  quantity: z
    .int()
    .min(1, { error: got(quantityRule) })
    .max(MAX_QUANTITY, { error: got(quantityRule) }),
  idempotencyKey,
  waitMs: z
    .int()
    .min(0, { error: got(waitRule) })
    .max(MAX_WAIT_MS, { error: got(waitRule) })
    .nullish()
    .transform((ms) => ms ?? 2_000),
});

export type OrderRequest = z.infer<typeof orderRules>;

const reasonRule = `a reason of 1 to ${MAX_REASON} characters, some of them visible, no control characters but tabs and line breaks`;
const reason = z
  .string({ error: got(reasonRule) })
  .trim()
  .refine((text) => isMultilineText(text) && isVisible(text) && lengthOf(text) <= MAX_REASON, {
    error: got(reasonRule),
  });

/** What a customer may say who cancels, and what staff must. */
export const cancellationRules = {
  CUSTOMER: z.strictObject({ reason: reason.nullable() }),
  STAFF: z.strictObject({
    reason: reason.nullable().refine((text) => text !== null, { error: got(reasonRule) }),
  }),
};
