// The rows of `products.products`. What decides about a write is in the WHERE of one statement; its row is the answer.
import { createPrismaClient, type PrismaClient, type Product as ProductModel } from '@holdfast/database';
import { type RequestPools, type Statement, statement } from '@holdfast/platform/database';
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

// Stock above the limit, which comes of cancelled orders, can be taken from like any other.
const adjustGuarded: Statement<[id: string, delta: number, maxStock: number], Product> = statement(
  'products_adjust_stock',
  `UPDATE products.products
      SET stock = stock + $2, version = version + 1, updated_at = now()
    WHERE id = $1 AND archived_at IS NULL AND stock::bigint + $2 BETWEEN 0 AND greatest($3, stock)
RETURNING ${PRODUCT_COLUMNS}`,
);

type Pools = Pick<RequestPools, 'reads' | 'writes'>;

/** What the domain asks of the table. Pages show no archived products. */
export interface ProductTable {
  byIds(ids: readonly string[]): Promise<Product[]>;
  /** As PostgreSQL has them at this moment, past the cache: for what decides something. Archived ones included. */
  stored(ids: readonly string[]): Promise<Product[]>;
  page(query: ProductPageQuery): Promise<Product[]>;
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
  /** Undefined when there is no such product, or the stock would go below 0 or be raised above `maxStock`. */
  adjustStock(id: string, delta: number, maxStock: number): Promise<Product | undefined>;
}

/** The table over `pools`, read through `cache` and written around its fences. */
export function createProductTable({ reads, writes }: Pools, cache: ProductCache): ProductTable {
  const prisma: PrismaClient = createPrismaClient(writes);
  const stored: ProductTable['stored'] = (ids) => selectByIds(reads, [...ids]);
  return {
    byIds: (ids) => cache.byIds(ids, stored),
    stored,
    page: (query) => cache.page(pageKey(query), () => selectProductPage(reads, query)),
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
        async () => (await updateGuarded(writes, ...updateParameters(id, expectedVersion, exact, change)))[0],
      ),
    archive: (id, expectedVersion) =>
      cache.write(id, async () => (await archiveGuarded(writes, id, expectedVersion))[0]),
    adjustStock: (id, delta, maxStock) =>
      cache.write(id, async () => (await adjustGuarded(writes, id, delta, maxStock))[0]),
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
