// Writing the catalog. A write to an existing product is a compare-and-swap on its version. A new product and a relative change of
// stock have no version to compare, so an idempotency key makes them happen once.

import type { Origin, SecurityLog } from '@holdfast/platform/auth/security-events';
import type { User } from '@holdfast/platform/auth/viewer';
import { keysOf } from '@holdfast/platform/graphql/fields';
import { parseId } from '@holdfast/platform/ids';
import {
  countReplay,
  type IdempotencyKeyReused,
  keyReused,
  requestHash,
} from '@holdfast/platform/postgres/idempotency';
import { allHandled, check, type InvalidInput, invalidInput } from '@holdfast/platform/validation';
import type { Idempotency } from '../data/idempotency-keys.ts';
import type { Product, ProductChange } from '../data/product-row.ts';
import type { ProductStore } from '../data/products.ts';
import type {
  CreateProductInput,
  MutationAdjustStockArgs,
  MutationDeleteProductArgs,
  MutationUpdateProductArgs,
  UpdateProductInput,
} from '../generated/graphql.ts';
import {
  type OutOfStock,
  outOfStock,
  type ProductNotFound,
  productNotFound,
  type VersionConflict,
  versionConflict,
} from './problems.ts';
import { adjustRules, changeRules, MAX_STOCK, productRules } from './rules.ts';

type Created = Product | IdempotencyKeyReused | InvalidInput;
type Updated = Product | VersionConflict | ProductNotFound | InvalidInput;
type Deleted =
  | { readonly __typename: 'ProductDeleted'; readonly id: string }
  | VersionConflict
  | ProductNotFound;
type Adjusted = Product | OutOfStock | ProductNotFound | IdempotencyKeyReused | InvalidInput;

/** The user who writes, and where the request came from. */
export interface Editor {
  readonly user: User;
  readonly origin: Origin;
}

export interface Catalog {
  createProduct(input: CreateProductInput, user: User): Promise<Created>;
  updateProduct(change: MutationUpdateProductArgs, editor: Editor): Promise<Updated>;
  deleteProduct(change: MutationDeleteProductArgs): Promise<Deleted>;
  adjustStock(change: MutationAdjustStockArgs, user: User): Promise<Adjusted>;
}

export interface CatalogDependencies {
  readonly products: ProductStore;
  /** Records changes of prices. */
  readonly record: SecurityLog;
}

const KEY_REUSED = keyReused('another operation or input');

/** The value of a field of a request. */
type Given = string | number | null;

/**
 * A key with the hash of its request; undefined without a key. The hash covers the names and values of the given fields only, so
 * that a later schema with more fields computes the same hash for the same request.
 */
function idempotencyOf(
  userId: number,
  key: string | undefined,
  operation: string,
  fields: Readonly<Record<string, Given>>,
): Idempotency | undefined {
  if (key === undefined) return undefined;
  const given = Object.entries(fields).filter(([, value]) => value !== null);
  const parts = given.sort(([one], [other]) => (one < other ? -1 : 1)).flat();
  return { userId, key, hash: requestHash([operation, ...parts]) };
}

export function createCatalog({ products, record }: CatalogDependencies): Catalog {
  /** Reads PostgreSQL and not the cache, which may be older than the version that the refused write compared. */
  async function readLive(id: number): Promise<Product | undefined> {
    const [product] = await products.stored([id]);
    return product?.archivedAt === null ? product : undefined;
  }

  /** Says why a guarded write of `id` was refused. */
  async function explainRefusal(
    id: number,
    expectedVersion: number,
  ): Promise<VersionConflict | ProductNotFound> {
    const current = await readLive(id);
    return current ? versionConflict(expectedVersion, current) : productNotFound(String(id));
  }

  /**
   * Updates a product although fields of the input break a rule, if the product already has exactly these values. A client may
   * send back values that it has read, and the product may have values that break a rule: a rule has become stricter since the
   * value was written, or a cancelled order has returned its units to a stock that was already at the limit.
   */
  async function updateWithoutKept(
    id: number | undefined,
    { input, expectedVersion }: MutationUpdateProductArgs,
    editor: Editor,
    invalid: InvalidInput,
  ): Promise<Updated> {
    const current = id === undefined ? undefined : await readLive(id);
    if (current?.version !== expectedVersion) return invalid;
    const { kept, remaining } = withoutKept(input, invalid, current);
    if (kept === 0) return invalid;
    if (Object.keys(remaining).length === 0) return current;
    const checked = check(changeRules, remaining);
    if (!checked.ok) return checked.invalid;
    // The update must be exact, because only this version is known to have the values that were left out.
    return (
      (await write(current.id, expectedVersion, true, checked.value, editor)) ??
      explainRefusal(current.id, expectedVersion)
    );
  }

  /** Updates the product and records a change of its price. Undefined when the guard refused the write. */
  async function write(
    id: number,
    expectedVersion: number,
    exact: boolean,
    change: ProductChange,
    { user, origin }: Editor,
  ): Promise<Product | undefined> {
    const updated = await products.update(id, expectedVersion, exact, change);
    if (updated === undefined) return undefined;
    const { product, priceBefore } = updated;
    if (product.price !== priceBefore) {
      const details = { from: priceBefore, to: product.price, version: product.version };
      record('price.changed', { actor: user, subject: `product ${id}`, origin, details });
    }
    return product;
  }

  /** Says why the stock of `id` was not changed by `delta`. */
  async function explainStockRefusal(
    id: number,
    delta: number,
  ): Promise<OutOfStock | ProductNotFound | InvalidInput> {
    const current = await readLive(id);
    if (!current) return productNotFound(String(id));
    return delta > 0 ? stockTooLarge(current.stock, delta) : outOfStock(-delta, current.stock);
  }

  /** The answer for a key that was used before; undefined when it was not used. */
  async function replay(
    idempotency: Idempotency | undefined,
  ): Promise<Product | IdempotencyKeyReused | undefined> {
    const use = idempotency && (await products.byKey(idempotency.userId, idempotency.key));
    if (!use) return undefined;
    if (!use.requestHash.equals(idempotency.hash)) return KEY_REUSED;
    countReplay();
    return use.product;
  }

  return {
    createProduct: async (input, { id: userId }) => {
      const checked = check(productRules, input);
      if (!checked.ok) return checked.invalid;
      const { idempotencyKey, ...product } = checked.value;
      const idempotency = idempotencyOf(userId, idempotencyKey, 'createProduct', product);
      const outcome = (await products.insert(product, idempotency)) ?? (await replay(idempotency));
      if (!outcome) throw new Error('the product was not inserted, although its key was not used before');
      return outcome;
    },

    updateProduct: async (args, editor) => {
      const { id: given, expectedVersion, input, exact, ...rest } = args;
      allHandled(rest);
      const id = parseId(given);
      const checked = check(changeRules, input);
      if (!checked.ok) return updateWithoutKept(id, args, editor, checked.invalid);
      if (!id) return productNotFound(given);
      const change = checked.value;
      const isEmpty = Object.values(change).every((value) => value === undefined);
      const isExact = exact === true || change.stock !== undefined;
      const product = isEmpty
        ? await products.unchanged(id, expectedVersion, isExact)
        : await write(id, expectedVersion, isExact, change, editor);
      return product ?? explainRefusal(id, expectedVersion);
    },

    deleteProduct: async ({ id: given, expectedVersion, ...rest }) => {
      allHandled(rest);
      const id = parseId(given);
      if (!id) return productNotFound(given);
      if (await products.archive(id, expectedVersion)) return { __typename: 'ProductDeleted', id: given };
      return explainRefusal(id, expectedVersion);
    },

    adjustStock: async ({ id: given, ...change }, { id: userId }) => {
      const id = parseId(given);
      if (!id) return productNotFound(given);
      const checked = check(adjustRules, change);
      if (!checked.ok) return checked.invalid;
      const { delta, idempotencyKey, ...rest } = checked.value;
      allHandled(rest);
      const idempotency = idempotencyOf(userId, idempotencyKey, 'adjustStock', { id, delta });
      return (
        (await products.adjustStock(id, delta, MAX_STOCK, idempotency)) ??
        (await replay(idempotency)) ??
        explainStockRefusal(id, delta)
      );
    },
  };
}

/** `input` without the invalid fields whose values the product already has, and how many such fields there are. */
function withoutKept(
  input: UpdateProductInput,
  invalid: InvalidInput,
  current: Product,
): { readonly kept: number; readonly remaining: UpdateProductInput } {
  const kept = keysOf(input).filter(
    (name) => current[name] === input[name] && invalid.errors.some(({ field }) => field === name),
  );
  const remaining = { ...input };
  for (const name of kept) delete remaining[name];
  return { kept: kept.length, remaining };
}

function stockTooLarge(stock: number, delta: number): InvalidInput {
  const message = `expected a stock of at most ${MAX_STOCK}, got ${stock} + ${delta}`;
  return invalidInput([{ field: 'delta', message }]);
}
