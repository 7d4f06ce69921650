// What a product may be. The CHECK constraints of the table hold its amounts once more.

import { parseMoney } from '@holdfast/platform/money';
import { idempotencyKey } from '@holdfast/platform/postgres/idempotency';
import {
  came,
  isMultilineText,
  isPlainText,
  isVisible,
  lengthOf,
  optional,
} from '@holdfast/platform/validation';
import { z } from 'zod';
import { searchRule } from './search.ts';

const MAX_NAME = 255;
const MAX_DESCRIPTION = 10_000;
const MAX_PRICE = 99_999_999.99;
/**
 * What a client may raise the stock to. The column takes twice as much, which leaves room for the units of orders that
 * are cancelled after it was raised.
 */
export const MAX_STOCK = 1_000_000_000;

const got = (rule: string) => (issue: { input?: unknown }) => `expected ${rule}, got ${came(issue.input)}`;

const nameRule = `1 to ${MAX_NAME} characters, some of them visible, no control characters or line breaks`;
const name = z
  .string({ error: got(nameRule) })
  // Before the ends are trimmed, or a line break there would pass.
  .refine(isPlainText, { error: got(nameRule) })
  .trim()
  .refine((text) => isVisible(text) && lengthOf(text) <= MAX_NAME, { error: got(nameRule) });

const descriptionRule = `at most ${MAX_DESCRIPTION} characters, no control characters but tabs and line breaks`;
const description = z
  .string({ error: got(descriptionRule) })
  .refine((text) => isMultilineText(text) && lengthOf(text) <= MAX_DESCRIPTION, {
    error: got(descriptionRule),
  });

const priceRule = 'an amount of 0 to 99999999.99 with at most two decimals';
const price = z
  .string({ error: got(priceRule) })
  .refine(
    (amount) => parseMoney(amount) !== undefined && Number(amount) >= 0 && Number(amount) <= MAX_PRICE,
    {
      error: got(priceRule),
    },
  );

const stockRule = `a whole number of 0 to ${MAX_STOCK}`;
const stock = z
  .int({ error: got(stockRule) })
  .min(0, { error: got(stockRule) })
  .max(MAX_STOCK, { error: got(stockRule) });

/** A new product: everything but the description is needed. */
export const productRules = z.strictObject({
  name,
  description: description.nullish().transform((text) => text ?? null),
  price,
  stock,
  idempotencyKey,
});

/** A change of some fields, or of none; null removes the description and is refused elsewhere. */
export const changeRules = z.strictObject({
  name: optional(name),
  description: optional(description.nullable()),
  price: optional(price),
  stock: optional(stock),
});

const deltaRule = `a whole number other than 0, at most ${MAX_STOCK} either way`;
export const adjustRules = z.strictObject({
  delta: z
    .int()
    .min(-MAX_STOCK, { error: got(deltaRule) })
    .max(MAX_STOCK, { error: got(deltaRule) })
    .refine((delta) => delta !== 0, { error: got(deltaRule) }),
  idempotencyKey,
});

/** What a list may be narrowed by. */
export const filterRules = z.strictObject({
  search: searchRule.nullish().transform((value) => value ?? undefined),
  minPrice: z
    .string()
    .nullish()
    .transform((value) => value ?? undefined),
  maxPrice: z
    .string()
    .nullish()
    .transform((value) => value ?? undefined),
  inStock: z
    .boolean()
    .nullish()
    .transform((value) => value ?? undefined),
});
