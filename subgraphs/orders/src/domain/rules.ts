// The rules for the input of orders.
import { idempotencyKey } from '@holdfast/platform/postgres/idempotency';
import { came, isMultilineText, isVisible, lengthOf } from '@holdfast/platform/validation';
import { z } from 'zod';

const MAX_QUANTITY = 10_000;
const MAX_WAIT_MS = 10_000;
const MAX_REASON = 500;

const expectRule = (rule: string) => (issue: { input?: unknown }) =>
  `expected ${rule}, got ${came(issue.input)}`;

const quantityRule = `a whole number of 1 to ${MAX_QUANTITY}`;
const waitRule = `a whole number of 0 to ${MAX_WAIT_MS} ms`;

export const orderRules = z.strictObject({
  productId: z.string(),
  quantity: z
    .int()
    .min(1, { error: expectRule(quantityRule) })
    .max(MAX_QUANTITY, { error: expectRule(quantityRule) }),
  idempotencyKey,
  waitMs: z
    .int()
    .min(0, { error: expectRule(waitRule) })
    .max(MAX_WAIT_MS, { error: expectRule(waitRule) })
    .nullish()
    .transform((ms) => ms ?? 2_000),
});

export type OrderRequest = z.infer<typeof orderRules>;

const reasonRule = `a reason of 1 to ${MAX_REASON} characters, some of them visible, no control characters except tabs and line breaks`;
const reason = z
  .string({ error: expectRule(reasonRule) })
  .trim()
  .refine((text) => isMultilineText(text) && isVisible(text) && lengthOf(text) <= MAX_REASON, {
    error: expectRule(reasonRule),
  });

/** The reason of a cancellation: optional for customers, required for staff. */
export const cancellationRules = {
  CUSTOMER: z.strictObject({ reason: reason.nullable() }),
  STAFF: z.strictObject({
    reason: reason.nullable().refine((text) => text !== null, { error: expectRule(reasonRule) }),
  }),
};
