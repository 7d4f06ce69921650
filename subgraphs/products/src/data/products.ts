// The rows of `products.products`. What decides about a write is in the WHERE of one statement; its row is the answer.
import { createPrismaClient, type PrismaClient, type Product as ProductModel } from '@holdfast/database';
import { type Statement, statement } from '@holdfast/platform/database';
import type { Reads } from '@holdfast/platform/reads';
import type pg from 'pg';
import { v7 as uuidv7 } from 'uuid';
import type { ProductCache } from './cache/product-cache.js';
import { type ProductPageQuery, pageKey, selectProductPage } from './product-pages.js';

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

const selectByIds: Statement<[ids: string[]], Product> = statement(
  'products_by_ids',
  `SELECT ${PRODUCT_COLUMNS} FROM products.products WHERE id = ANY($1::uuid[])`,
);

type UpdateParameters = [
  id: string,
  expectedVersion: number,
  exact: boolean,
  name: string | null,
  setsDescription: boolean,
  description: string | null,
  price: string | null,
  stock: number | null,
  editsContent: boolean,
];

/**
 * Compare-and-swap. An edit that leaves the stock alone may be based on any version since the last edit of content,
 * because only sales lie between; `exact` demands the current one.
 */
const updateGuarded: Statement<UpdateParameters, Product> = statement(
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

const archiveGuarded: Statement<[id: string, expectedVersion: number], Product> = statement(
  'products_archive',
  `UPDATE products.products
      SET archived_at = now(), version = version + 1, updated_at = now()
    WHERE id = $1 AND version = $2 AND archived_at IS NULL
RETURNING ${PRODUCT_COLUMNS}`,
);

const adjustGuarded: Statement<[id: string, delta: number, maxStock: number], Product> = statement(
  'products_adjust_stock',
  `UPDATE products.products
      SET stock = stock + $2, version = version + 1, updated_at = now()
    WHERE id = $1 AND archived_at IS NULL AND stock::bigint + $2 BETWEEN 0 AND $3
RETURNING ${PRODUCT_COLUMNS}`,
);

/** What the domain asks of the table. Archived products come from `byIds` only. A read ends when its `caller` is gone. */
export interface ProductTable {
  byIds(ids: readonly string[], caller?: AbortSignal): Promise<Product[]>;
  page(query: ProductPageQuery, caller: AbortSignal): Promise<Product[]>;
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
  /** Undefined when the guard did not hold. */
  archive(id: string, expectedVersion: number): Promise<Product | undefined>;
  /** Undefined when there is no such product or the stock would leave 0 to `maxStock`. */
  adjustStock(id: string, delta: number, maxStock: number): Promise<Product | undefined>;
}

/** The table over `pool`, read through `cache` (what that lacks by `reads`) and written around its fences. */
export function createProductTable(pool: pg.Pool, cache: ProductCache, reads: Reads): ProductTable {
  const prisma: PrismaClient = createPrismaClient(pool);
  return {
    byIds: (ids, caller = new AbortController().signal) =>
      cache.byIds(ids, (absent) => selectByIds(reads(caller), [...absent])),
    page: (query, caller) => cache.page(pageKey(query), () => selectProductPage(reads(caller), query)),
    insert: async (product) => {
      const id = uuidv7();
      const inserted = await cache.write(id, async () => {
        const row = await prisma.product.create({ data: { ...product, id } });
        return { ...row, price: row.price.toFixed(2) };
      });
      if (!inserted) throw new Error(`product ${id} was not inserted`);
      return inserted;
    },
    update: (id, expectedVersion, exact, change) =>
      cache.write(
        id,
        async () => (await updateGuarded(pool, ...updateParameters(id, expectedVersion, exact, change)))[0],
      ),
    archive: (id, expectedVersion) =>
      cache.write(id, async () => (await archiveGuarded(pool, id, expectedVersion))[0]),
    adjustStock: (id, delta, maxStock) =>
      cache.write(id, async () => (await adjustGuarded(pool, id, delta, maxStock))[0]),
  };
}

function updateParameters(
  id: string,
  expectedVersion: number,
  exact: boolean,
  { name, description, price, stock }: ProductChange,
): UpdateParameters {
  const editsContent = name !== undefined || description !== undefined || price !== undefined;
  const setsDescription = description !== undefined;
  return [
    id,
    expectedVersion,
    exact,
    name ?? null,
    setsDescription,
    description ?? null,
    price ?? null,
    stock ?? null,
    editsContent,
  ];
}
