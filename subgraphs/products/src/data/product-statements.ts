// The statements of the table `products.products`. The WHERE of a write is its guard, and the returned row is the answer: without
// a row, the guard refused the write.
import {
  arrayOf,
  bigint,
  boolean,
  bytea,
  integer,
  notNull,
  nullable,
  type SqlType,
  type SqlTypes,
  snakeCase,
  statement,
  text,
} from '@holdfast/platform/postgres/sql';
import { KEY } from './idempotency-keys.ts';
import { type NewProduct, PRODUCT, PRODUCT_COLUMNS, type ProductChange } from './product-row.ts';

export const selectByIds = statement({
  name: 'products_by_ids',
  text: `SELECT ${PRODUCT_COLUMNS} FROM products.products WHERE id = ANY ($ids::int[])`,
  parameters: { ids: arrayOf(integer) },
  row: PRODUCT,
});

/** Takes an id from the sequence before the insert, because the cache must be fenced before the row exists. */
export const nextId = statement({
  name: 'products_next_id',
  text: `SELECT nextval('products.products_id_seq')::int AS id`,
  parameters: {},
  row: { id: notNull(integer, 'nextval returns a number or fails') },
});

/** The parameter of a field with its type, because PostgreSQL does not always infer the type from the column. */
const parameterOf = (field: string, { names }: SqlType): string => `$${field}::${names[0]}`;

const NEW = {
  name: PRODUCT.name,
  description: PRODUCT.description,
  price: PRODUCT.price,
  stock: PRODUCT.stock,
} satisfies Record<keyof NewProduct, SqlType>;

/** Returns no row when the user has used the key before. A second statement with the key waits for the first. */
export const insertOnce = statement({
  name: 'products_insert',
  text: `WITH first_use AS (
     INSERT INTO products.idempotency_keys (user_id, key, request_hash, product_id)
     SELECT $userId::int, $key::text, $hash::bytea, $id::int WHERE $key IS NOT NULL
     ON CONFLICT (user_id, key) DO NOTHING
     RETURNING product_id
   )
   INSERT INTO products.products (id, ${Object.keys(NEW).map(snakeCase).join(', ')})
   SELECT $id, ${Object.entries(NEW)
     .map(([field, type]) => parameterOf(field, type))
     .join(', ')}
    WHERE $key IS NULL OR EXISTS (SELECT FROM first_use)
RETURNING ${PRODUCT_COLUMNS}`,
  parameters: { id: integer, ...NEW, ...KEY },
  row: PRODUCT,
});

export const selectByKey = statement({
  name: 'products_by_idempotency_key',
  text: `SELECT used.request_hash AS "requestHash", ${PRODUCT_COLUMNS}
           FROM products.idempotency_keys used JOIN products.products ON products.id = used.product_id
          WHERE used.user_id = $userId AND used.key = $key`,
  parameters: { userId: integer, key: text },
  row: { requestHash: bytea, ...PRODUCT },
});

/**
 * An edit that does not change the stock may expect any version since the last edit of content, because only sales happened
 * between; `exact` requires the current version.
 */
const GUARD = {
  text: `id = $id AND archived_at IS NULL
      AND (version = $expectedVersion
           OR (NOT $exact AND content_version <= $expectedVersion AND $expectedVersion <= version))`,
  parameters: { id: integer, expectedVersion: integer, exact: boolean },
};

/** Null for a field that is not among `$changed`. */
const CHANGE = {
  name: nullable(PRODUCT.name),
  description: nullable(PRODUCT.description),
  price: nullable(PRODUCT.price),
  stock: nullable(PRODUCT.stock),
} satisfies Record<keyof ProductChange, SqlType>;

const assignments = (change: SqlTypes): string =>
  Object.entries(change)
    .map(([field, type]) => {
      const column = snakeCase(field);
      return `${column} = CASE WHEN '${field}' = ANY ($changed::text[]) THEN ${parameterOf(field, type)} ELSE ${column} END`;
    })
    .join(', ');

/**
 * A compare-and-swap that also returns the replaced price. PostgreSQL 15 cannot return the old row, so the statement joins the row
 * as it was when the statement began. If another write was committed since, the statement continues only if `content_version` is
 * equal, so that write changed only the stock and the joined price is the replaced one. The statement takes no lock before it writes.
 */
export const updateGuarded = statement({
  name: 'products_update',
  text: `UPDATE products.products
      SET ${assignments(CHANGE)},
          version = version + 1,
          content_version = CASE WHEN $changed <@ '{stock}' THEN content_version ELSE version + 1 END,
          updated_at = now()
     FROM (SELECT id AS id_before, price AS price_before, content_version AS content_before FROM products.products) AS before
    WHERE ${GUARD.text} AND id_before = id AND content_before = content_version
RETURNING ${PRODUCT_COLUMNS}, price_before AS "priceBefore"`,
  parameters: { ...GUARD.parameters, ...CHANGE, changed: arrayOf(text) },
  row: { ...PRODUCT, priceBefore: PRODUCT.price },
});

/** The product for an update without any field, with the guard of an update. */
export const selectGuarded = statement({
  name: 'products_guarded',
  text: `SELECT ${PRODUCT_COLUMNS} FROM products.products WHERE ${GUARD.text}`,
  parameters: GUARD.parameters,
  row: PRODUCT,
});

export const archiveGuarded = statement({
  name: 'products_archive',
  text: `UPDATE products.products
      SET archived_at = now(), version = version + 1, updated_at = now()
    WHERE id = $id AND version = $expectedVersion AND archived_at IS NULL
RETURNING ${PRODUCT_COLUMNS}`,
  parameters: { id: integer, expectedVersion: integer },
  row: PRODUCT,
});

/**
 * Cancelled orders may bring the stock above the limit; units can be removed from such a stock, too.
 *
 * The statement writes the key only after the guards have passed, because a refused change must leave the key unused. Of two
 * statements with one key at the same time, the second waits for the row, then violates the primary key of the keys, and
 * PostgreSQL rolls it back.
 */
export const adjustOnce = statement({
  name: 'products_adjust_stock',
  text: `WITH adjusted AS (
       UPDATE products.products
          SET stock = stock + $delta, version = version + 1, updated_at = now()
        WHERE id = $id AND archived_at IS NULL AND stock::bigint + $delta BETWEEN 0 AND greatest($maxStock, stock)
          AND NOT EXISTS
              (SELECT FROM products.idempotency_keys WHERE user_id = $userId::int AND key = $key::text)
       RETURNING ${PRODUCT_COLUMNS}
     ), key_use AS (
       INSERT INTO products.idempotency_keys (user_id, key, request_hash, product_id)
       SELECT $userId, $key, $hash::bytea, id FROM adjusted WHERE $key IS NOT NULL
     )
     SELECT * FROM adjusted`,
  // The sum is a bigint, so that the guard refuses a sum that is larger than an INTEGER instead of the statement failing.
  parameters: { id: integer, delta: bigint, maxStock: integer, ...KEY },
  row: PRODUCT,
});
