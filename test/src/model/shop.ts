// The simple model of the shop: what must be true of stock, prices and orders according to the replies alone.
import { type Advance, ORDER_STATUSES, type OrderStatus } from '@holdfast/orders/domain/order-status';
import { expect } from '@jest/globals';
import type { Account, Client } from '../support/client.ts';

interface Version {
  readonly stock: number;
  readonly price: string;
}

interface PriceChange {
  /** The earliest and the latest moment at which it can have taken effect, ms. */
  readonly from: number;
  readonly until: number;
  readonly price: string;
}

interface Made {
  readonly id: string;
  readonly account: Account;
  version: number;
  status: string;
}

interface Attempt {
  readonly account: Account;
  readonly product: ModelProduct;
  readonly quantity: number;
  readonly key: string;
}

export interface ModelProduct {
  readonly id: string;
  unitsPutIn: number;
  readonly prices: PriceChange[];
  deleted: boolean;
}

const UPDATE = `mutation($id: ID!, $version: Int!, $input: UpdateProductInput!) {
  updateProduct(id: $id, expectedVersion: $version, input: $input) {
    __typename ... on Product { version stock price } ... on VersionConflict { currentVersion } } }`;
const ADJUST = `mutation($id: ID!, $delta: Int!) {
  adjustStock(id: $id, delta: $delta) { __typename ... on Product { stock } } }`;
const READ = 'query($id: ID!) { product(id: $id) { version stock price } }';
const CREATE = `mutation($input: CreateOrderInput!) {
  createOrder(input: $input) {
    __typename ... on Order { id version status quantity unitPrice totalPrice product { id } } ... on OutOfStock { available } } }`;
const CANCEL = `mutation($id: ID!, $version: Int!) {
  cancelOrder(id: $id, expectedVersion: $version) {
    __typename ... on Order { status version } ... on OrderVersionConflict { currentVersion } } }`;
const ADVANCE = `mutation($id: ID!, $version: Int!, $status: OrderStatus!) {
  advanceOrder(id: $id, expectedVersion: $version, status: $status) {
    __typename ... on Order { status version } ... on OrderVersionConflict { currentVersion } } }`;
type Change = Advance | 'CANCELLED';
/** The status that each change requires. The table is repeated here, because a model shares no code with the system. */
const BEFORE: Readonly<Record<Change, OrderStatus>> = {
  CANCELLED: 'CONFIRMED',
  SHIPPED: 'CONFIRMED',
  DELIVERED: 'SHIPPED',
};
const ACCEPTED = ORDER_STATUSES.filter((status) => status !== 'PENDING' && status !== 'REJECTED');

const cents = (amount: string): number => Math.round(Number(amount) * 100);

/** Performs operations on the system and records what they must add up to. */
export class Shop {
  readonly products: ModelProduct[] = [];
  readonly attempts: Attempt[] = [];
  readonly made: Made[] = [];
  readonly #orderOfKey = new Map<string, string>();
  readonly #client: Client;
  readonly #accounts: readonly Account[];

  constructor(client: Client, accounts: readonly Account[]) {
    this.#client = client;
    this.#accounts = accounts;
  }

  async stockUp(stock: number, price: number): Promise<void> {
    const from = Date.now();
    const { id } = await this.#client.product(this.account(0).token, { stock, price });
    this.products.push({
      id,
      unitsPutIn: stock,
      prices: [{ from, until: Date.now(), price: price.toFixed(2) }],
      deleted: false,
    });
  }

  account(index: number): Account {
    const account = this.#accounts[index % this.#accounts.length];
    if (!account) throw new Error('the shop has no accounts');
    return account;
  }

  product(index: number): ModelProduct {
    const product = this.products[index % this.products.length];
    if (!product) throw new Error('the shop has no products');
    return product;
  }

  /** Orders under a key; with the key of an earlier attempt when it is a retry. */
  async order(attempt: Attempt): Promise<void> {
    this.attempts.push(attempt);
    const { account, product, quantity, key } = attempt;
    const startedAt = Date.now();
    const input = { productId: product.id, quantity, idempotencyKey: key, waitMs: 10_000 };
    const { data, errors } = await this.#client.graphql(CREATE, { input }, account.token);
    expect(errors).toEqual([]);
    const outcome = data.createOrder;
    if (outcome.__typename === 'ProductNotFound') {
      expect(product.deleted).toBe(true);
      return;
    }
    if (outcome.__typename === 'OutOfStock') {
      expect(outcome.available).toBeLessThan(quantity);
      return;
    }
    expect(outcome).toMatchObject({ __typename: 'Order', quantity, product: { id: product.id } });
    expect(ACCEPTED).toContain(outcome.status);
    expect(cents(outcome.totalPrice)).toBe(cents(outcome.unitPrice) * quantity);
    this.#remember(attempt, outcome, startedAt);
  }

  #remember(
    { account, product, key }: Attempt,
    order: { id: string; version: number; status: string; unitPrice: string },
    startedAt: number,
  ): void {
    const keyed = `${account.id} ${key}`;
    const before = this.#orderOfKey.get(keyed);
    if (before !== undefined) {
      expect(order.id).toBe(before);
      return;
    }
    this.#orderOfKey.set(keyed, order.id);
    this.made.push({ id: order.id, account, version: order.version, status: order.status });
    // A retry may be the first whose reply is seen of an order that an earlier attempt made.
    const firstTry = Math.min(startedAt, ...this.#startsOf(keyed));
    expect(pricesBetween(product, firstTry, Date.now())).toContain(order.unitPrice);
  }

  readonly #starts = new Map<string, number[]>();
  #startsOf(keyed: string): number[] {
    return this.#starts.get(keyed) ?? [];
  }
  /** Notes that an attempt under this key begins now. */
  begin({ account, key }: Attempt): void {
    const keyed = `${account.id} ${key}`;
    this.#starts.set(keyed, [...this.#startsOf(keyed), Date.now()]);
  }

  async cancel(index: number): Promise<void> {
    const order = this.made[index % Math.max(1, this.made.length)];
    if (order) await this.#change(order, 'CANCELLED', CANCEL, order.account);
  }

  async advance(index: number, status: Advance, staff: Account): Promise<void> {
    const order = this.made[index % Math.max(1, this.made.length)];
    if (order) await this.#change(order, status, ADVANCE, staff);
  }

  /** Changes an order at the version that was seen last, and holds the reply to the status that it had there. */
  async #change(order: Made, status: Change, mutation: string, by: Account): Promise<void> {
    const seen = { ...order };
    const variables = { id: order.id, version: seen.version, ...(status !== 'CANCELLED' && { status }) };
    const { data, errors } = await this.#client.graphql(mutation, variables, by.token);
    expect(errors).toEqual([]);
    const { __typename, ...outcome } = status === 'CANCELLED' ? data.cancelOrder : data.advanceOrder;
    if (__typename === 'OrderVersionConflict') {
      expect(outcome.currentVersion).toBeGreaterThan(seen.version);
    } else if (seen.status === BEFORE[status]) {
      expect({ __typename, ...outcome }).toEqual({ __typename: 'Order', status, version: seen.version + 1 });
      Object.assign(order, outcome);
    } else {
      expect(__typename).toBe(status === 'CANCELLED' ? 'OrderNotCancellable' : 'OrderNotAdvanceable');
    }
  }

  async #read(product: ModelProduct, account: Account): Promise<(Version & { version: number }) | null> {
    const { data } = await this.#client.graphql(READ, { id: product.id }, account.token);
    return data.product;
  }

  /** Reads, then edits by compare-and-swap: the price, the stock, or both. */
  async edit(
    product: ModelProduct,
    account: Account,
    change: { price?: string; stock?: number },
  ): Promise<void> {
    const seen = await this.#read(product, account);
    if (!seen) {
      expect(product.deleted).toBe(true);
      return;
    }
    const from = Date.now();
    const { data, errors } = await this.#client.graphql(
      UPDATE,
      { id: product.id, version: seen.version, input: change },
      account.token,
    );
    expect(errors).toEqual([]);
    if (data.updateProduct.__typename !== 'Product') return;
    // The swap succeeded at the version that was read, so the stock was what was read.
    if (change.stock !== undefined) product.unitsPutIn += change.stock - seen.stock;
    if (change.price !== undefined) product.prices.push({ from, until: Date.now(), price: change.price });
  }

  async adjust(product: ModelProduct, account: Account, delta: number): Promise<void> {
    const { data, errors } = await this.#client.graphql(ADJUST, { id: product.id, delta }, account.token);
    expect(errors).toEqual([]);
    if (data.adjustStock.__typename === 'Product') product.unitsPutIn += delta;
  }

  async remove(product: ModelProduct, account: Account): Promise<void> {
    product.deleted = true;
    const reply = await this.#client.rest('DELETE', `/products/${product.id}`, { token: account.token });
    expect([204, 404]).toContain(reply.status);
  }
}

/** The prices that can have been in force at some moment from `start` to `end`. */
function pricesBetween({ prices }: ModelProduct, start: number, end: number): string[] {
  return prices
    .filter(
      (change, index) =>
        change.from <= end && (prices[index + 1]?.until ?? Number.POSITIVE_INFINITY) >= start,
    )
    .map(({ price }) => price);
}
