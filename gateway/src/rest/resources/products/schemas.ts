// REST: what a product looks like going out and coming in.
import { parseMoney } from '@holdfast/platform/money';
import { allHandled } from '@holdfast/platform/validation';
import { z } from 'zod';
import type { ProductFieldsFragment, ProductSort } from '../../../generated/operations.ts';
import { entityTag } from '../../entity-tag.ts';
import { id, shownId } from '../../ids.ts';
import { type Done, done } from '../../route.ts';
import {
  amount,
  flagInQuery,
  MAX_INT,
  PAGE_PARAMETERS,
  readOnlyMembers,
  text,
  times,
  version,
} from '../../schema.ts';

export const product = z
  .strictObject({
    id,
    name: z.string().meta({ description: 'The name of the product.', examples: ['Enamel coffee pot'] }),
    description: z
      .string()
      .nullable()
      .meta({ description: 'The description of the product; null when it has none.' }),
    price: amount,
    stock: z.int32().min(0).meta({ description: 'Units that can be ordered now.' }),
    version,
    ...times,
  })
  .meta({ id: 'Product' });

type Product = z.infer<typeof product>;

/** A product as REST gives it: the table's columns, the price as a number. */
export function toProductBody(fields: ProductFieldsFragment): Product {
  const { id, name, description, price, stock, version, createdAt, updatedAt, ...rest } = fields;
  allHandled(rest);
  return {
    id: shownId(id),
    name,
    description,
    price: Number(price),
    stock,
    version,
    created_at: createdAt,
    updated_at: updatedAt,
  };
}

/** A product that was written, with its new ETag. */
export const productAnswer = <const Status extends number>(
  status: Status,
  fields: ProductFieldsFragment,
  headers: Readonly<Record<string, string>> = {},
): Done<Status, Product> =>
  done(status, toProductBody(fields), { etag: entityTag(fields.version), ...headers });

const AMOUNT = /^\d{1,8}(\.\d{1,2})?$/;

const price = z
  .union([
    z
      .number()
      .min(0)
      .max(99_999_999.99)
      .refine((value) => parseMoney(value) !== undefined)
      .meta({ format: 'money' }),
    z.string().regex(AMOUNT),
  ])
  .meta({
    description: 'an amount of 0 to 99999999.99 with at most two decimals',
    examples: [19.99, '19.99'],
  });

const stock = (max: number, description: string) => z.int().min(0).max(max).meta({ description });

const fields = {
  name: text({ min: 1, max: 255 }).meta({
    description: '1 to 255 characters, some of them visible, no control characters or line breaks',
    examples: ['Enamel coffee pot'],
  }),
  description: text({ max: 10_000 }).nullable().meta({
    description: 'at most 10000 characters, no control characters except tabs and line breaks, or null',
  }),
  price,
  stock: stock(1_000_000_000, 'a whole number of 0 to 1000000000'),
};

export const newProduct = z.strictObject({ ...fields, description: fields.description.optional() }).meta({
  id: 'NewProduct',
  examples: [{ name: 'Enamel coffee pot', description: 'Keeps a litre hot.', price: 34.5, stock: 12 }],
});

export const replacement = z
  .strictObject({
    ...fields,
    // A client may send back what it has read, and cancelled orders take the stock above the limit.
    stock: stock(MAX_INT, 'a whole number of 0 to 1000000000, or the current stock'),
    version: version
      .optional()
      .meta({ description: 'the version that the change is based on, a whole number' }),
    ...readOnlyMembers,
  })
  .meta({
    id: 'ProductReplacement',
    examples: [{ name: 'Enamel coffee pot', description: 'Keeps a litre hot.', price: 29.5, stock: 12 }],
  });

/** A replacement of which every member may be left out. */
export const change = replacement.partial().meta({ id: 'ProductChange', examples: [{ price: 29.5 }] });

const priceLimit = (which: string) =>
  z
    .string()
    .regex(AMOUNT)
    .optional()
    .meta({ description: `${which} price, an amount with at most two decimals`, examples: ['19.99'] });

/** GraphQL's name of each order of the list: all of them, and no others. */
export const SORTS = {
  newest: 'NEWEST',
  oldest: 'OLDEST',
  price_asc: 'PRICE_ASC',
  price_desc: 'PRICE_DESC',
  name_asc: 'NAME_ASC',
} as const satisfies { readonly [Sort in ProductSort as Lowercase<Sort>]: Sort };

const sortNames = z.enum(['newest', 'oldest', 'price_asc', 'price_desc', 'name_asc']);

export const listParameters = z.strictObject({
  ...PAGE_PARAMETERS,
  search: text({ min: 1, max: 200 }).optional().meta({
    description:
      '1 to 200 characters: at most 8 words, "phrases" and -exclusions to search for in name and description',
  }),
  min_price: priceLimit('the lowest'),
  max_price: priceLimit('the highest'),
  in_stock: flagInQuery.optional().meta({ description: 'true or false' }),
  sort: sortNames.default('newest').meta({ description: `one of ${sortNames.options.join(', ')}` }),
});
