// A model-based test: random operations of several users on a few products, at the same time, are checked against a model.
import { ADVANCES } from '@holdfast/orders/domain/order-status';
import { beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Account } from '../support/client.ts';
import { expectInvariants } from '../support/invariants.ts';
import { minutes, timeLimitMs } from '../support/long.ts';
import { useClient, useStaff } from '../support/shop.ts';
import { useSharedSystem } from '../support/use-system.ts';
import { Shop } from './shop.ts';

const small = fc.nat({ max: 7 });
const operation = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('order' as const),
      user: small,
      product: small,
      quantity: fc.integer({ min: 1, max: 4 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('retry' as const), attempt: fc.nat({ max: 50 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('cancel' as const), order: fc.nat({ max: 50 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('advance' as const),
      order: fc.nat({ max: 50 }),
      status: fc.constantFrom(...ADVANCES),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('price' as const),
      user: small,
      product: small,
      cents: fc.integer({ min: 1, max: 9999 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('stock' as const),
      user: small,
      product: small,
      stock: fc.nat({ max: 15 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('adjust' as const),
      user: small,
      product: small,
      delta: fc.constantFrom(-3, -1, 1, 4),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete' as const), user: small, product: small }) },
);
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

/** Waves of operations: those of one wave run at the same time. */
const scenario = fc.array(fc.array(operation, { minLength: 1, maxLength: 8 }), {
  minLength: 2,
  maxLength: 8,
});

const MINUTES = minutes();
const RUNS = MINUTES === undefined ? 10 : 1_000_000;

const system = useSharedSystem();
const client = useClient(system);
const staff = useStaff(system, client);
let accounts: Account[];

beforeAll(async () => {
  accounts = await Promise.all(Array.from({ length: 3 }, () => client.account()));
});

async function perform(shop: Shop, step: Operation): Promise<void> {
  switch (step.kind) {
    case 'order': {
      const { user, product, quantity } = step;
      const attempt = {
        account: shop.account(user),
        product: shop.product(product),
        quantity,
        key: crypto.randomUUID(),
      };
      shop.begin(attempt);
      return shop.order(attempt);
    }
    case 'retry': {
      const attempt = shop.attempts[step.attempt % Math.max(1, shop.attempts.length)];
      return attempt && shop.order(attempt);
    }
    case 'cancel':
      return shop.cancel(step.order);
    case 'advance':
      return shop.advance(step.order, step.status, staff);
    case 'price':
      return shop.edit(shop.product(step.product), shop.account(step.user), {
        price: (step.cents / 100).toFixed(2),
      });
    case 'stock':
      return shop.edit(shop.product(step.product), shop.account(step.user), { stock: step.stock });
    case 'adjust':
      return shop.adjust(shop.product(step.product), shop.account(step.user), step.delta);
    case 'delete':
      return shop.remove(shop.product(step.product), shop.account(step.user));
  }
}

async function play(waves: readonly (readonly Operation[])[]): Promise<void> {
  const shop = new Shop(client, accounts);
  for (let index = 0; index < 3; index += 1) await shop.stockUp(8, 10 + index);
  for (const wave of waves) await Promise.all(wave.map((step) => perform(shop, step)));
  const orders = await expectInvariants(
    system.adminUrl,
    new Map(shop.products.map(({ id, unitsPutIn }) => [id, unitsPutIn])),
  );
  // Each order belongs to an idempotency key that was sent.
  const keys = new Set(shop.attempts.map(({ key }) => key));
  for (const { idempotency_key } of orders) expect(keys).toContain(idempotency_key);
  // Each order is in the state of the last change that was answered.
  const states = new Map(orders.map(({ id, status, version }) => [id, { id, status, version }]));
  for (const { id, status, version } of shop.made) expect(states.get(id)).toEqual({ id, status, version });
}

describe('the shop, against its model', () => {
  it(
    'keeps every unit, price and history right under random interleavings',
    async () => {
      await fc.assert(fc.asyncProperty(scenario, play), {
        numRuns: RUNS,
        ...(MINUTES === undefined ? {} : { interruptAfterTimeLimit: MINUTES * 60_000 }),
        endOnFailure: MINUTES !== undefined,
      });
    },
    timeLimitMs(240_000),
  );
});
