// The rules for the input of the catalog. CHECK constraints of the table also enforce the limits of price and stock.

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
 * The highest stock that a client may set. The column takes twice as much, which leaves room for the units of orders that are
 * cancelled later.
 */
export const MAX_STOCK = 1_000_000_000;

const expectRule = (rule: string) => (issue: { input?: unknown }) =>
  `expected ${rule}, got ${came(issue.input)}`;

const nameRule = `1 to ${MAX_NAME} characters, some of them visible, no control characters or line breaks`;
const name = z
  .string({ error: expectRule(nameRule) })
  // This check comes before trim(), because trim() would remove a line break at an end.
  .refine(isPlainText, { error: expectRule(nameRule) })
  .trim()
  .refine((text) => isVisible(text) && lengthOf(text) <= MAX_NAME, { error: expectRule(nameRule) });

const descriptionRule = `at most ${MAX_DESCRIPTION} characters, no control characters except tabs and line breaks`;
const description = z
  .string({ error: expectRule(descriptionRule) })
  .refine((text) => isMultilineText(text) && lengthOf(text) <= MAX_DESCRIPTION, {
    error: expectRule(descriptionRule),
  });

const priceRule = 'an amount of 0 to 99999999.99 with at most two decimals';
const price = z
  .string({ error: expectRule(priceRule) })
  .refine(
    (amount) => parseMoney(amount) !== undefined && Number(amount) >= 0 && Number(amount) <= MAX_PRICE,
    {
      error: expectRule(priceRule),
    },
  );

const stockRule = `a whole number of 0 to ${MAX_STOCK}`;
const stock = z
  .int({ error: expectRule(stockRule) })
  .min(0, { error: expectRule(stockRule) })
  .max(MAX_STOCK, { error: expectRule(stockRule) });

/** A new product. Only the description is optional. */
export const productRules = z.strictObject({
  name,
  description: description.nullish().transform((text) => text ?? null),
  price,
  stock,
  idempotencyKey,
});

/** A change of any of the fields. Null removes the description and is refused for the other fields. */
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
    .min(-MAX_STOCK, { error: expectRule(deltaRule) })
    .max(MAX_STOCK, { error: expectRule(deltaRule) })
    .refine((delta) => delta !== 0, { error: expectRule(deltaRule) }),
  idempotencyKey,
});

/** The filter of a list. */
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
