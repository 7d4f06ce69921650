// Reading the catalog: pages of products, and products by id.
import type { Viewer } from '@holdfast/platform/auth/viewer';
import { badInput } from '@holdfast/platform/errors';
import { type Connection, pageSize, toConnection } from '@holdfast/platform/graphql/pages';
import { inOrderOf, parseId } from '@holdfast/platform/ids';
import { parseMoney } from '@holdfast/platform/money';
import { allHandled, came, check, isStorable } from '@holdfast/platform/validation';
import {
  type ProductFilter,
  type ProductOrder,
  productCursor,
  productSortKey,
} from '../data/product-pages.ts';
import type { Product } from '../data/product-row.ts';
import type { ProductStore } from '../data/products.ts';
import type { ProductFilter as FilterInput, QueryProductsArgs } from '../generated/graphql.ts';
import { filterRules } from './rules.ts';

/**
 * A page of the products that can be ordered. When a search reaches the limit of products that one request may read, the page is
 * shorter than `first` although another page follows.
 * @throws {AppError} BAD_USER_INPUT naming the argument that breaks a rule
 */
export type Browse = (
  query: QueryProductsArgs,
  by: { readonly viewer: Viewer; readonly signal: AbortSignal },
) => Promise<Connection<Product>>;

export interface BrowseDependencies {
  readonly products: Pick<ProductStore, 'page'>;
  readonly replica: Pick<ProductStore, 'page'> | undefined;
}

export function createBrowse({ products, replica = products }: BrowseDependencies): Browse {
  return async ({ first, after, filter, sort, ...rest }, { viewer, signal }) => {
    allHandled(rest);
    const size = pageSize(first);
    const order = sort ?? 'NEWEST';
    const query = {
      order,
      after: after == null ? undefined : readSortKey(order, after),
      filter: readFilter(filter ?? {}),
      limit: size + 1,
    };
    // A signed-in user may have written, and a replica may not have that write yet.
    const rows = await (viewer.kind === 'anonymous' ? replica : products).page(query, signal);
    const cursorOf = (product: Product): string => productCursor(order, product);
    const last = rows.at(-1);
    if (last?.isMark !== true) return toConnection(rows, size, after, cursorOf);
    const { edges, pageInfo } = toConnection(rows.slice(0, -1), size, after, cursorOf);
    return { edges, pageInfo: { ...pageInfo, hasNextPage: true, endCursor: cursorOf(last) } };
  };
}

function readFilter(input: FilterInput): ProductFilter {
  const checked = check(filterRules, input);
  if (checked.ok) return checked.value;
  const [first] = checked.invalid.errors;
  throw badInput(first?.field ?? 'filter', first?.message ?? checked.invalid.message);
}

/** A client can forge a cursor, so its parts must be values that the columns of the order can be compared with. */
function readSortKey(order: ProductOrder, after: string): string[] {
  const key = productSortKey(order, after);
  const [first = ''] = key;
  const fits = order === 'NAME_ASC' ? isStorable(first) : key.length === 1 || parseMoney(first) !== undefined;
  if (!fits || parseId(key.at(-1) ?? '') === undefined)
    throw badInput('after', `expected a cursor from a page of this list, got ${came(after)}`);
  return key;
}

/** Products by id, deleted products included, in the order of `ids`, null where there is none. */
export type ReadProducts = (
  ids: readonly number[],
  /** `signal` is aborted when the caller is gone, which ends the read. */
  reading: { readonly isPastCache: boolean; readonly signal: AbortSignal },
) => Promise<(Product | null)[]>;

export const createReadProducts =
  ({ byIds, stored }: Pick<ProductStore, 'byIds' | 'stored'>): ReadProducts =>
  async (ids, { isPastCache, signal }) => {
    if (ids.length === 0) return [];
    return inOrderOf(ids, await (isPastCache ? stored : byIds)(ids, signal));
  };
