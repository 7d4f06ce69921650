// REST: what a product looks like going out and coming in.
import { entityTag } from './entity-tag.ts';
import { type Answer, done, type Refusal } from './route.ts';
import {
  amount,
  dateTime,
  type JsonSchema,
  MAX_INT,
  type NamedSchema,
  PAGE_PARAMETERS,
  readOnlyMembers,
  record,
  request,
  uuid,
  version,
} from './schema.ts';

/** A product as GraphQL gives it. */
export interface Product {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  /** An amount as a decimal string. */
  readonly price: string;
  readonly stock: number;
  readonly version: number;
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** What a client may write of a product. */
export interface ProductBody {
  readonly name: string;
  readonly description?: string | null;
  readonly price: number | string;
  readonly stock: number;
}

/** The product as a member of a mutation's result. */
export type ProductResult = { readonly __typename: 'Product' } & Product;

export type InvalidInput = Refusal<'InvalidInput'> & {
  readonly errors: readonly { readonly field: string; readonly message: string }[];
};

export const INVALID_INPUT = '... on InvalidInput { message errors { field message } }';

export const PRODUCT_FIELDS = 'id name description price stock version createdAt updatedAt';

/** A product as REST gives it: the table's columns, the price as a number. */
export const representation = ({ price, createdAt, updatedAt, ...same }: Product) => ({
  ...same,
  price: Number(price),
  created_at: createdAt,
  updated_at: updatedAt,
});

/** A product that was written, with its new ETag. */
export const productAnswer = (
  status: number,
  { __typename, ...fields }: ProductResult,
  headers: Readonly<Record<string, string>> = {},
): Answer => done(status, representation(fields), { etag: entityTag(fields.version), ...headers });

export const product: NamedSchema = {
  name: 'Product',
  schema: record({
    id: uuid,
    name: { type: 'string', examples: ['Enamel coffee pot'] },
    description: { type: ['string', 'null'] },
    price: amount,
    stock: { type: 'integer', minimum: 0, description: 'Units that can be ordered now.' },
    version,
    created_at: dateTime,
    updated_at: dateTime,
  }),
};

const price: JsonSchema = {
  type: ['number', 'string'],
  minimum: 0,
  maximum: 99_999_999.99,
  pattern: '^\\d{1,8}(\\.\\d{1,2})?$',
  format: 'money',
  description: 'an amount of 0 to 99999999.99 with at most two decimals',
  examples: [19.99, '19.99'],
};

const fields = {
  name: {
    type: 'string',
    minLength: 1,
    maxLength: 200,
    description: '1 to 200 characters, some of them visible, no control characters or line breaks',
    examples: ['Enamel coffee pot'],
  },
  description: {
    type: ['string', 'null'],
    maxLength: 10_000,
    description: 'at most 10000 characters, no control characters but tabs and line breaks, or null',
  },
  price,
  stock: {
    type: 'integer',
    minimum: 0,
    maximum: 1_000_000_000,
    description: 'a whole number of 0 to 1000000000',
  },
} as const satisfies Readonly<Record<string, JsonSchema>>;

/** A client may send back what it has read, and cancelled orders take the stock above the limit. */
const changeable = {
  ...fields,
  stock: {
    ...fields.stock,
    maximum: MAX_INT,
    description: 'a whole number of 0 to 1000000000, or what the stock is already',
  },
} as const satisfies Readonly<Record<string, JsonSchema>>;

const basedOn: JsonSchema = {
  ...version,
  description: 'the version that the change was made from, a whole number',
};

export const newProduct: NamedSchema = {
  name: 'NewProduct',
  schema: request(fields, ['name', 'price', 'stock']),
};

export const replacement: NamedSchema = {
  name: 'ProductReplacement',
  schema: request({ ...changeable, version: basedOn, ...readOnlyMembers }, [
    'name',
    'description',
    'price',
    'stock',
  ]),
};

export const change: NamedSchema = {
  name: 'ProductChange',
  schema: request({ ...changeable, version: basedOn, ...readOnlyMembers }, []),
};

const priceLimit = (which: string): JsonSchema => ({
  type: 'string',
  pattern: price.pattern ?? '',
  description: `${which} price, an amount with at most two decimals`,
  examples: ['19.99'],
});

export const LIST_PARAMETERS: Readonly<Record<string, JsonSchema>> = {
  ...PAGE_PARAMETERS,
  search: {
    type: 'string',
    minLength: 1,
    maxLength: 200,
    description:
      '1 to 200 characters: words, "phrases" and -exclusions to look for in name and description, at most 8',
  },
  min_price: priceLimit('the lowest'),
  max_price: priceLimit('the highest'),
  in_stock: { type: 'boolean', description: 'true or false' },
  sort: {
    type: 'string',
    enum: ['newest', 'oldest', 'price_asc', 'price_desc', 'name_asc'],
    default: 'newest',
    description: 'one of newest, oldest, price_asc, price_desc, name_asc',
  },
};
