// What a seeded shop is made of, and in which batches. A batch is one transaction: accounts, products, and the orders of these
// accounts for these products. So a run that is killed leaves whole batches, and the same run again makes those that are missing.
import { createHash } from 'node:crypto';

export type ShopSize = { readonly products: number; readonly orders: number; readonly users: number };

export type ShopPlan = ShopSize & {
  /** The name of all random numbers; another one gives another shop. */
  readonly seed: number;
  /** Stands in each name of an account, so that shops of other sizes or seeds never meet. */
  readonly tag: string;
  readonly batches: number;
  /** No order and no step of one is later. */
  readonly until: Date;
};

/** At most so many in a batch. A batch takes a few seconds, because PostgreSQL finds the words of each product. */
const LARGEST_BATCH: ShopSize = { products: 10_000, orders: 20_000, users: 5_000 };
const TAG_LETTERS = 6;

/** Plans a shop. Throws with one line when its sizes do not fit together. */
export function planShop(size: ShopSize, seed: number, until: Date): ShopPlan {
  const { products, orders, users } = size;
  const batches = Math.max(
    ...(['products', 'orders', 'users'] as const).map((kind) => Math.ceil(size[kind] / LARGEST_BATCH[kind])),
  );
  for (const kind of ['products', 'users'] as const) {
    if (size[kind] >= batches) continue;
    throw new Error(`--${kind}: expected at least ${batches} for a shop of this size, got ${size[kind]}`);
  }
  const digest = createHash('sha256')
    .update(JSON.stringify([seed, products, orders, users]))
    .digest();
  const tag = digest.readBigUInt64LE().toString(36).slice(-TAG_LETTERS);
  return { ...size, seed, tag, batches, until };
}

/** The numbers, from 0, of what is in a batch: each `batches`-th, so that every batch reaches over all of the time. */
export function numbersIn(plan: ShopPlan, batch: number, kind: keyof ShopSize): number[] {
  const count = Math.ceil((plan[kind] - batch) / plan.batches);
  return Array.from({ length: Math.max(0, count) }, (_, index) => batch + index * plan.batches);
}
