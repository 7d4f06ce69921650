// Wires the stores of data/ into the functions of domain/, which are all that the resolvers call.
import type { SecurityLog } from '@holdfast/platform/auth/security-events';
import type { Product } from './data/product-row.ts';
import type { ProductStore } from './data/products.ts';
import { type Browse, createBrowse, createReadProducts, type ReadProducts } from './domain/browse.ts';
import { type Catalog, createCatalog } from './domain/catalog.ts';

export type { Product };

/** Lives as long as the service. */
export interface Domain extends Catalog {
  readonly browse: Browse;
  readonly readProducts: ReadProducts;
}

export interface DomainParts {
  readonly products: ProductStore;
  /** Reads pages from a standby of PostgreSQL; undefined without one. */
  readonly replica: Pick<ProductStore, 'page'> | undefined;
  readonly record: SecurityLog;
}

export const createDomain = ({ products, replica, record }: DomainParts): Domain => ({
  ...createCatalog({ products, record }),
  browse: createBrowse({ products, replica }),
  readProducts: createReadProducts(products),
});
