// Plans the contents and the batches of a seeded shop. A batch is one transaction with accounts, products, and orders of these accounts
// for these products. A killed run therefore leaves whole batches, and the same run again adds the missing ones.
import { createHash } from 'node:crypto';

export type ShopSize = { readonly products: number; readonly orders: number; readonly users: number };

export type ShopPlan = ShopSize & {
  /** The start of all random numbers; another seed makes another shop. */
  readonly seed: number;
  /** A part of each account's name, so that shops of other sizes or seeds have other names. */
  readonly tag: string;
  readonly batches: number;
  /** No order, and no step of an order, is later. */
  readonly until: Date;
};

/** The largest batch takes a few seconds, because PostgreSQL indexes the words of each product. */
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

/** The numbers, from 0, of a batch's items: every `batches`-th, so that each batch covers the whole time of the shop. */
export function numbersIn(plan: ShopPlan, batch: number, kind: keyof ShopSize): number[] {
  const count = Math.ceil((plan[kind] - batch) / plan.batches);
  return Array.from({ length: Math.max(0, count) }, (_, index) => batch + index * plan.batches);
}
