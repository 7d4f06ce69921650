// The rows of `products.products`. What decides about a write is in the WHERE of one statement; its row is the answer.
import { createPrismaClient, type PrismaClient, type Product as ProductModel } from '@holdfast/database';
import { type Statement, statement } from '@holdfast/platform/database';
import type pg from 'pg';

/** A product as the service handles it: the price is a decimal string. */
export type Product = Omit<ProductModel, 'price'> & { readonly price: string };

/** The fields that an editor changes; what is undefined stays. */
export interface ProductChange {
  readonly name?: string | undefined;
  readonly description?: string | null | undefined;
  readonly price?: string | undefined;
  readonly stock?: number | undefined;
}

export const PRODUCT_COLUMNS = `id, name, description, price, stock, version, content_version AS "contentVersion",
  archived_at AS "archivedAt", created_at AS "createdAt", updated_at AS "updatedAt"`;

const selectByIds: Statement<[ids: string[]], Product> = statement(
  'products_by_ids',
  `SELECT ${PRODUCT_COLUMNS} FROM products.products WHERE id = ANY($1::uuid[])`,
);

/**
 * Compare-and-swap. An edit that leaves the stock alone may be based on any version since the last edit of content,
 * because only sales lie between; `exact` demands the current one.
 */
const updateGuarded: Statement<
  [
    id: string,
    expectedVersion: number,
    exact: boolean,
    name: string | null,
    setsDescription: boolean,
    description: string | null,
    price: string | null,
    stock: number | null,
    editsContent: boolean,
  ],
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
    WHERE id = $1 AND archived_at IS NULL
      AND (version = $2 OR (NOT $3 AND content_version <= $2 AND $2 <= version))
RETURNING ${PRODUCT_COLUMNS}`,
);

const archiveGuarded: Statement<[id: string, expectedVersion: number], { id: string }> = statement(
  'products_archive',
  `UPDATE products.products
      SET archived_at = now(), version = version + 1, updated_at = now()
    WHERE id = $1 AND version = $2 AND archived_at IS NULL
RETURNING id`,
);

const adjustGuarded: Statement<[id: string, delta: number, maxStock: number], Product> = statement(
  'products_adjust_stock',
  `UPDATE products.products
      SET stock = stock + $2, version = version + 1, updated_at = now()
    WHERE id = $1 AND archived_at IS NULL AND stock::bigint + $2 BETWEEN 0 AND $3
RETURNING ${PRODUCT_COLUMNS}`,
);

/** What the domain asks of the table. Archived products come from `byIds` only. */
export interface ProductTable {
  byIds(ids: readonly string[]): Promise<Product[]>;
  insert(product: {
    name: string;
    description: string | null;
    price: string;
    stock: number;
  }): Promise<Product>;
  /** Undefined when the guard did not hold: no such product, or another version. */
  update(
    id: string,
    expectedVersion: number,
    exact: boolean,
    change: ProductChange,
  ): Promise<Product | undefined>;
  archive(id: string, expectedVersion: number): Promise<boolean>;
  /** Undefined when there is no such product or the stock would leave 0 to `maxStock`. */
  adjustStock(id: string, delta: number, maxStock: number): Promise<Product | undefined>;
}

/** The table over `pool`. */
export function createProductTable(pool: pg.Pool): ProductTable {
  const prisma: PrismaClient = createPrismaClient(pool);
  return {
    byIds: (ids) => selectByIds(pool, [...ids]),
    insert: async (product) => {
      const row = await prisma.product.create({ data: product });
      return { ...row, price: row.price.toFixed(2) };
    },
    update: async (id, expectedVersion, exact, { name, description, price, stock }) => {
      const editsContent = name !== undefined || description !== undefined || price !== undefined;
      const [row] = await updateGuarded(
        pool,
        id,
        expectedVersion,
        exact,
        name ?? null,
        description !== undefined,
        description ?? null,
        price ?? null,
        stock ?? null,
        editsContent,
      );
      return row;
    },
    archive: async (id, expectedVersion) => (await archiveGuarded(pool, id, expectedVersion)).length === 1,
    adjustStock: async (id, delta, maxStock) => (await adjustGuarded(pool, id, delta, maxStock))[0],
  };
}
