// The rows of `products.products`. What decides about a write is in the WHERE of one statement; its row is the answer.
import type { Product as ProductModel } from '@holdfast/database';
import { type Statement, statement } from '@holdfast/platform/database';
import type { Reads } from '@holdfast/platform/reads';
import type pg from 'pg';
import type { ProductCache } from './cache/product-cache.ts';
import { type Idempotency, isKeyUsed } from './idempotency-keys.ts';
import { type ProductPageQuery, pageKey, selectProductPage } from './product-pages.ts';

/** A product as the service handles it: the price is a decimal string. */
export type Product = Omit<ProductModel, 'price'> & { readonly price: string };

/** The fields that an editor changes; what is undefined stays. */
export interface ProductChange {
  readonly name?: string | undefined;
  readonly description?: string | null | undefined;
  readonly price?: string | undefined;
  readonly stock?: number | undefined;
}

export interface NewProduct {
  readonly name: string;
  readonly description: string | null;
  readonly price: string;
  readonly stock: number;
}

/** Of `products.products` by the name that PostgreSQL gives it, so that they can be told from those of a join. */
export const PRODUCT_COLUMNS = `products.id, products.name, products.description, products.price, products.stock,
  products.version, products.content_version AS "contentVersion", products.archived_at AS "archivedAt",
  products.created_at AS "createdAt", products.updated_at AS "updatedAt"`;

const selectByIds: Statement<[ids: number[]], Product> = statement(
  'products_by_ids',
  `SELECT ${PRODUCT_COLUMNS} FROM products.products WHERE id = ANY($1::int[])`,
);

/** Ids come from the sequence before the row, because the cache must be fenced before the row exists. */
const nextId: Statement<[], { readonly id: number }> = statement(
  'products_next_id',
  `SELECT nextval('products.products_id_seq')::int AS id`,
);

type KeyParameters = [userId: number | null, key: string | null, hash: Buffer | null];

/** No row when the user has used the key before. A second statement with the key waits for the first. */
const insertOnce: Statement<
  [id: number, name: string, description: string | null, price: string, stock: number, ...KeyParameters],
  Product
> = statement(
  'products_insert',
  `WITH first_use AS (
     INSERT INTO products.idempotency_keys (user_id, key, request_hash, product_id)
     SELECT $6::int, $7::text, $8::bytea, $1::int WHERE $7 IS NOT NULL
     ON CONFLICT (user_id, key) DO NOTHING
     RETURNING product_id
   )
   INSERT INTO products.products (id, name, description, price, stock)
   SELECT $1, $2, $3, $4::numeric, $5::int WHERE $7 IS NULL OR EXISTS (SELECT FROM first_use)
RETURNING ${PRODUCT_COLUMNS}`,
);

const selectByKey: Statement<[userId: number, key: string], Product & { readonly requestHash: Buffer }> =
  statement(
    'products_by_idempotency_key',
    `SELECT used.request_hash AS "requestHash", ${PRODUCT_COLUMNS}
       FROM products.idempotency_keys used JOIN products.products ON products.id = used.product_id
      WHERE used.user_id = $1 AND used.key = $2`,
  );

type ChangeParameters = [
  name: string | null,
  setsDescription: boolean,
  description: string | null,
  price: string | null,
  stock: number | null,
  editsContent: boolean,
];

/**
 * An edit that leaves the stock alone may be based on any version since the last edit of content, because only sales
 * lie between; `exact` ($3) demands the current one.
 */
const GUARD = `id = $1 AND archived_at IS NULL
      AND (version = $2 OR (NOT $3 AND content_version <= $2 AND $2 <= version))`;

/** Compare-and-swap. */
const updateGuarded: Statement<
  [id: number, expectedVersion: number, exact: boolean, ...ChangeParameters],
  Product
> = statement(
  'products_update',
  `UPDATE products.products
      SET name = coalesce($4, name),
          description = CASE WHEN $5 THEN $6 ELSE description END,
          price = coalesce($7::numeric, price),
          stock = coalesce($8::int, stock),
          version = version + 1,
          content_version = CASE WHEN $9 THEN version + 1 ELSE content_version END,
          updated_at = now()
    WHERE ${GUARD}
RETURNING ${PRODUCT_COLUMNS}`,
);

/** What an update finds that changes nothing. */
const selectGuarded: Statement<[id: number, expectedVersion: number, exact: boolean], Product> = statement(
  'products_guarded',
  `SELECT ${PRODUCT_COLUMNS} FROM products.products WHERE ${GUARD}`,
);

const archiveGuarded: Statement<[id: number, expectedVersion: number], Product> = statement(
  'products_archive',
  `UPDATE products.products
      SET archived_at = now(), version = version + 1, updated_at = now()
    WHERE id = $1 AND version = $2 AND archived_at IS NULL
RETURNING ${PRODUCT_COLUMNS}`,
);

/**
 * Stock above the limit, which comes of cancelled orders, can be taken from like any other.
 *
 * The guards come first and the key after them, because a change that they refuse leaves the key unused. Of two that
 * carry one key at once, the second waits for the row, then breaks the primary key of the keys, which undoes its change.
 */
const adjustOnce: Statement<[id: number, delta: number, maxStock: number, ...KeyParameters], Product> =
  statement(
    'products_adjust_stock',
    `WITH adjusted AS (
       UPDATE products.products
          SET stock = stock + $2, version = version + 1, updated_at = now()
        WHERE id = $1 AND archived_at IS NULL AND stock::bigint + $2 BETWEEN 0 AND greatest($3, stock)
          AND NOT EXISTS (SELECT FROM products.idempotency_keys WHERE user_id = $4::int AND key = $5::text)
       RETURNING ${PRODUCT_COLUMNS}
     ), key_use AS (
       INSERT INTO products.idempotency_keys (user_id, key, request_hash, product_id)
       SELECT $4, $5, $6::bytea, id FROM adjusted WHERE $5 IS NOT NULL
     )
     SELECT * FROM adjusted`,
  );

/** What the domain asks of the table. Pages show no archived products. A read ends when its `caller` is gone. */
export interface ProductTable {
  byIds(ids: readonly number[], caller?: AbortSignal): Promise<Product[]>;
  /** As PostgreSQL has them at this moment, past the cache: for what decides something. Archived ones included. */
  stored(ids: readonly number[], caller?: AbortSignal): Promise<Product[]>;
  page(query: ProductPageQuery, caller: AbortSignal): Promise<Product[]>;
  /** Undefined when the key was used before. */
  insert(product: NewProduct, idempotency: Idempotency | undefined): Promise<Product | undefined>;
  /** What was done under the user's key, from the database and not from the cache. */
  byKey(userId: number, key: string): Promise<KeyUse | undefined>;
  /** The product, by the guard of `update` and past the cache; undefined when the guard did not hold. */
  unchanged(id: number, expectedVersion: number, exact: boolean): Promise<Product | undefined>;
  /** Undefined when the guard did not hold: no such product, or another version. */
  update(
    id: number,
    expectedVersion: number,
    exact: boolean,
    change: ProductChange,
  ): Promise<Product | undefined>;
  /** Undefined when the guard did not hold. */
  archive(id: number, expectedVersion: number): Promise<Product | undefined>;
  /** Undefined when there is no such product, the stock would go below 0 or be raised above `maxStock`, or the key was used before. */
  adjustStock(
    id: number,
    delta: number,
    maxStock: number,
    idempotency: Idempotency | undefined,
  ): Promise<Product | undefined>;
}

/** The hash of the first request that came with a key, and the product as it is now. */
export interface KeyUse {
  readonly requestHash: Buffer;
  readonly product: Product;
}

const keyParameters = ({ userId, key, hash }: Partial<Idempotency> = {}): KeyParameters => [
  userId ?? null,
  key ?? null,
  hash ?? null,
];

/**
 * The table over `writes`, read through `cache` (what that lacks by `reads`) and written around its fences.
 * @param decisions reads what decides something, over connections that lists and searches do not take
 */
export function createProductTable(
  writes: pg.Pool,
  cache: ProductCache,
  reads: Reads,
  decisions: Reads = reads,
): ProductTable {
  const stored: ProductTable['stored'] = (ids, caller = new AbortController().signal) =>
    selectByIds(decisions(caller), [...ids]);
  return {
    byIds: (ids, caller = new AbortController().signal) =>
      cache.byIds(ids, (absent) => selectByIds(reads(caller), [...absent])),
    stored,
    page: (query, caller) => cache.page(pageKey(query), () => selectProductPage(reads(caller), query)),
    insert: async ({ name, description, price, stock }, idempotency) => {
      const id = (await nextId(writes))[0]?.id;
      if (id === undefined) throw new Error('the sequence of ids gave none');
      const key = keyParameters(idempotency);
      return cache.write(
        id,
        async () => (await insertOnce(writes, id, name, description, price, stock, ...key))[0],
      );
    },
    byKey: async (userId, key) => {
      const [use] = await selectByKey(writes, userId, key);
      if (!use) return undefined;
      const { requestHash, ...product } = use;
      return { requestHash, product };
    },
    unchanged: async (id, expectedVersion, exact) =>
      (await selectGuarded(writes, id, expectedVersion, exact))[0],
    update: (id, expectedVersion, exact, change) =>
      cache.write(
        id,
        async () => (await updateGuarded(writes, id, expectedVersion, exact, ...changeParameters(change)))[0],
      ),
    archive: (id, expectedVersion) =>
      cache.write(id, async () => (await archiveGuarded(writes, id, expectedVersion))[0]),
    adjustStock: (id, delta, maxStock, idempotency) =>
      cache.write(id, async () => {
        try {
          return (await adjustOnce(writes, id, delta, maxStock, ...keyParameters(idempotency)))[0];
        } catch (error) {
          if (isKeyUsed(error)) return undefined;
          throw error;
        }
      }),
  };
}

function changeParameters({ name, description, price, stock }: ProductChange): ChangeParameters {
  const setsDescription = description !== undefined;
  const editsContent = name !== undefined || setsDescription || price !== undefined;
  return [name ?? null, setsDescription, description ?? null, price ?? null, stock ?? null, editsContent];
}
