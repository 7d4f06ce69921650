// The catalog: what may be written, and what comes of a write. A write of something that exists is a compare-and-swap;
// what has no version to be compared with, a new product and a relative change of stock, is done once for each key.

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
import type { ProductTable } from '../data/products.ts';
import type {
  CreateProductInput,
  MutationAdjustStockArgs,
  UpdateProductInput,
} from '../generated/graphql.ts';
import { countConflict } from '../metrics.ts';
import { adjustRules, changeRules, MAX_STOCK, productRules } from './rules.ts';

export interface ProductNotFound {
  readonly __typename: 'ProductNotFound';
  readonly code: 'PRODUCT_NOT_FOUND';
  readonly message: string;
}

export interface VersionConflict {
  readonly __typename: 'VersionConflict';
  readonly code: 'VERSION_CONFLICT';
  readonly message: string;
  readonly currentVersion: number;
  readonly current: Product;
}

export interface OutOfStock {
  readonly __typename: 'OutOfStock';
  readonly code: 'OUT_OF_STOCK';
  readonly message: string;
  readonly available: number;
}

export interface ProductDeleted {
  readonly __typename: 'ProductDeleted';
  readonly id: string;
}

export type Created = Product | IdempotencyKeyReused | InvalidInput;
export type Adjusted = Product | OutOfStock | ProductNotFound | IdempotencyKeyReused | InvalidInput;

/** A user who writes, from where, and where it is recorded that a price was changed. */
export interface Editor {
  readonly user: User;
  readonly origin: Origin;
  readonly record: SecurityLog;
}

export interface Catalog {
  create(userId: number, input: CreateProductInput): Promise<Created>;
  update(
    editor: Editor,
    id: string,
    expectedVersion: number,
    exact: boolean,
    input: UpdateProductInput,
  ): Promise<Product | VersionConflict | ProductNotFound | InvalidInput>;
  remove(id: string, expectedVersion: number): Promise<ProductDeleted | VersionConflict | ProductNotFound>;
  adjustStock(userId: number, change: MutationAdjustStockArgs): Promise<Adjusted>;
}

const notFound = (id: string | number): ProductNotFound => ({
  __typename: 'ProductNotFound',
  code: 'PRODUCT_NOT_FOUND',
  message: `There is no product ${JSON.stringify(String(id).slice(0, 64))}.`,
});

const conflict = (expectedVersion: number, current: Product): VersionConflict => ({
  __typename: 'VersionConflict',
  code: 'VERSION_CONFLICT',
  message: `Version ${expectedVersion} was expected; the product is at version ${current.version} by now.`,
  currentVersion: current.version,
  current,
});

const KEY_REUSED = keyReused('another operation or input');

/** What a field of a request may hold. */
type Given = string | number | null;

/**
 * A key with what it stands for; undefined without one. Each field counts that is given, by its name: a schema with more
 * fields makes the same of a request of before.
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

/** The catalog over its table. */
export function createCatalog(table: ProductTable): Catalog {
  /** As PostgreSQL has it: a cache could know less than the write that was refused. */
  async function live(id: number): Promise<Product | undefined> {
    const [product] = await table.stored([id]);
    return product?.archivedAt === null ? product : undefined;
  }

  /** Says why a guarded write of `id` changed nothing. */
  async function refusal(id: number, expectedVersion: number): Promise<VersionConflict | ProductNotFound> {
    const current = await live(id);
    if (!current) return notFound(id);
    countConflict();
    return conflict(expectedVersion, current);
  }

  /**
   * Updates a product by an input that breaks a rule, if what breaks it is what the product has already: a client may
   * send back what a read gave it. Rules have become stricter since a value was written, and a cancelled order puts its
   * units back whatever the stock is by then.
   */
  async function updateWithoutKept(
    editor: Editor,
    id: number | undefined,
    expectedVersion: number,
    input: UpdateProductInput,
    invalid: InvalidInput,
  ): Promise<Product | VersionConflict | ProductNotFound | InvalidInput> {
    const current = id === undefined ? undefined : await live(id);
    if (current?.version !== expectedVersion) return invalid;
    const { kept, remaining } = withoutKept(input, invalid, current);
    if (kept === 0) return invalid;
    if (Object.keys(remaining).length === 0) return current;
    const checked = check(changeRules, remaining);
    if (!checked.ok) return checked.invalid;
    // At this very version, because it is the one that has the values that were left out.
    return (
      (await write(editor, current.id, expectedVersion, true, checked.value)) ??
      refusal(current.id, expectedVersion)
    );
  }

  /** Updates the product, and records the change of its price. Undefined when the guard did not hold. */
  async function write(
    { user, origin, record }: Editor,
    id: number,
    expectedVersion: number,
    exact: boolean,
    change: ProductChange,
  ): Promise<Product | undefined> {
    const updated = await table.update(id, expectedVersion, exact, change);
    if (updated === undefined) return undefined;
    const { product, priceBefore } = updated;
    if (product.price !== priceBefore) {
      const details = { from: priceBefore, to: product.price, version: product.version };
      record('price.changed', { actor: user, subject: `product ${id}`, origin, details });
    }
    return product;
  }

  /** Says why a change of the stock of `id` by `delta` was not made. */
  async function adjustRefusal(
    id: number,
    delta: number,
  ): Promise<OutOfStock | ProductNotFound | InvalidInput> {
    const current = await live(id);
    if (!current) return notFound(id);
    if (delta > 0) return tooMuch(current.stock, delta);
    return {
      __typename: 'OutOfStock',
      code: 'OUT_OF_STOCK',
      message: `${-delta} units cannot be taken: ${current.stock} are there.`,
      available: current.stock,
    };
  }

  /** The answer to a key that was used before; undefined when it was not. */
  async function replay(
    idempotency: Idempotency | undefined,
  ): Promise<Product | IdempotencyKeyReused | undefined> {
    const use = idempotency && (await table.byKey(idempotency.userId, idempotency.key));
    if (!use) return undefined;
    if (!use.requestHash.equals(idempotency.hash)) return KEY_REUSED;
    countReplay();
    return use.product;
  }

  return {
    create: async (userId, input) => {
      const checked = check(productRules, input);
      if (!checked.ok) return checked.invalid;
      const { idempotencyKey, ...product } = checked.value;
      const idempotency = idempotencyOf(userId, idempotencyKey, 'createProduct', product);
      const outcome = (await table.insert(product, idempotency)) ?? (await replay(idempotency));
      if (!outcome) throw new Error('a product was not inserted, and its key was not used before');
      return outcome;
    },

    update: async (editor, given, expectedVersion, exact, input) => {
      const id = parseId(given);
      const checked = check(changeRules, input);
      if (!checked.ok) return updateWithoutKept(editor, id, expectedVersion, input, checked.invalid);
      if (!id) return notFound(given);
      const change = checked.value;
      const isEmpty = Object.values(change).every((value) => value === undefined);
      const isExact = exact || change.stock !== undefined;
      const product = isEmpty
        ? await table.unchanged(id, expectedVersion, isExact)
        : await write(editor, id, expectedVersion, isExact, change);
      return product ?? refusal(id, expectedVersion);
    },

    remove: async (given, expectedVersion) => {
      const id = parseId(given);
      if (!id) return notFound(given);
      if (await table.archive(id, expectedVersion)) return { __typename: 'ProductDeleted', id: given };
      return refusal(id, expectedVersion);
    },

    adjustStock: async (userId, { id: given, ...change }) => {
      const id = parseId(given);
      if (!id) return notFound(given);
      const checked = check(adjustRules, change);
      if (!checked.ok) return checked.invalid;
      const { delta, idempotencyKey, ...rest } = checked.value;
      allHandled(rest);
      const idempotency = idempotencyOf(userId, idempotencyKey, 'adjustStock', { id, delta });
      return (
        (await table.adjustStock(id, delta, MAX_STOCK, idempotency)) ??
        (await replay(idempotency)) ??
        adjustRefusal(id, delta)
      );
    },
  };
}

/** The fields of `input` without those that are invalid and are what the product has, and how many these are. */
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

function tooMuch(stock: number, delta: number): InvalidInput {
  const message = `expected a stock of at most ${MAX_STOCK}, got ${stock} + ${delta}`;
  return invalidInput([{ field: 'delta', message }]);
}
