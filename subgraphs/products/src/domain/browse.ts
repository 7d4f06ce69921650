// Reading the catalog, a page at a time.
import { badInput } from '@holdfast/platform/errors';
import { type Connection, pageSize, toConnection } from '@holdfast/platform/graphql/pages';
import { parseId } from '@holdfast/platform/ids';
import { parseMoney } from '@holdfast/platform/money';
import { allHandled, came, check, isStorable } from '@holdfast/platform/validation';
import {
  type ProductFilter,
  type ProductOrder,
  productCursor,
  productSortKey,
} from '../data/product-pages.ts';
import type { Product } from '../data/product-row.ts';
import type { ProductTable } from '../data/products.ts';
import type { ProductFilter as FilterInput, QueryProductsArgs } from '../generated/graphql.ts';
import { filterRules } from './rules.ts';

function filterOf(input: FilterInput): ProductFilter {
  const checked = check(filterRules, input);
  if (checked.ok) return checked.value;
  const [first] = checked.invalid.errors;
  throw badInput(first?.field ?? 'filter', first?.message ?? checked.invalid.message);
}

/** A cursor is the client's to forge: its parts must be what the order's columns can be compared with. */
function sortKeyOf(order: ProductOrder, after: string): string[] {
  const key = productSortKey(order, after);
  const [first = ''] = key;
  const fits = order === 'NAME_ASC' ? isStorable(first) : key.length === 1 || parseMoney(first) !== undefined;
  if (!fits || parseId(key.at(-1) ?? '') === undefined)
    throw badInput('after', `expected the cursor that a page of this list gave, got ${came(after)}`);
  return key;
}

/**
 * A page of the products that can be ordered. It is shorter than `first`, and another one follows, where a search has looked
 * at as many products as one request may.
 * @throws {AppError} BAD_USER_INPUT naming the argument that breaks a rule
 */
export async function browse(
  table: Pick<ProductTable, 'page'>,
  { first, after, filter, sort, ...rest }: QueryProductsArgs,
  caller: AbortSignal,
): Promise<Connection<Product>> {
  allHandled(rest);
  const size = pageSize(first);
  const order = sort ?? 'NEWEST';
  const query = {
    order,
    after: after == null ? undefined : sortKeyOf(order, after),
    filter: filterOf(filter ?? {}),
    limit: size + 1,
  };
  const rows = await table.page(query, caller);
  const cursorOf = (product: Product): string => productCursor(order, product);
  const last = rows.at(-1);
  if (last?.isMark !== true) return toConnection(rows, size, after, cursorOf);
  const { edges, pageInfo } = toConnection(rows.slice(0, -1), size, after, cursorOf);
  return { edges, pageInfo: { ...pageInfo, hasNextPage: true, endCursor: cursorOf(last) } };
}
