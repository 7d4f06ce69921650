// Makes the rows of one batch of a seeded shop for all tables, as the services would have written them.
import { makeOrderTables, takeOrder } from './orders.ts';
import { emailOf, usernameOf } from './people.ts';
import { numbersIn, type ShopPlan, type ShopSize } from './plan.ts';
import { createRandom, type Random } from './random.ts';
import { createShelf, type Shelf } from './shelf.ts';
import { formatMoney, type TableRows, type Value } from './tables.ts';
import { addDays, chooseCreationTime, chooseOrderTime, ORDER_DAYS } from './times.ts';

export type BatchInput = {
  /** The id of the n-th (from 0) account, product or order of the batch. */
  readonly idOf: (kind: keyof ShopSize, place: number) => number;
  /** The ids of staff accounts; at least one. */
  readonly staff: readonly number[];
  /** The password hash of every account. */
  readonly passwordHash: string;
};

export type Batch = {
  /** A table comes after those that it refers to. */
  readonly tables: readonly TableRows[];
  readonly shelves: readonly Shelf[];
};

const ARCHIVED = 0.02;

/** Makes the batch. The same plan, batch and input make the same rows. */
export function makeBatch(plan: ShopPlan, batch: number, input: BatchInput): Batch {
  const random = createRandom(`${plan.seed} batch ${batch} of ${plan.tag}`);
  const people = makePeopleRows(plan, batch, input, random);
  const shelves = stockShelves(plan, batch, input, random);
  const trade = { random, staff: input.staff, until: plan.until };
  const orders = numbersIn(plan, batch, 'orders').map((number, place) => {
    // Some people order much more than others, and some products sell much better.
    const userId = input.idOf('users', Math.floor(people.rows.length * random.next() ** 2));
    const wanted = shelves[Math.floor(shelves.length * random.next() ** 3)];
    const shelf = wanted?.archivedAt === null ? wanted : shelves[0];
    if (shelf === undefined) throw new Error(`batch ${batch} has no product`);
    return takeOrder(trade, input.idOf('orders', place), userId, shelf, chooseOrderTime(plan, number));
  });
  return { tables: [people, makeProductRows(shelves), ...makeOrderTables(orders, plan.until)], shelves };
}

function makePeopleRows(plan: ShopPlan, batch: number, input: BatchInput, random: Random): TableRows {
  const rows = numbersIn(plan, batch, 'users').map((number, place): Value[] => {
    const username = usernameOf(plan, number);
    const at = chooseCreationTime(plan, number, plan.users);
    return [input.idOf('users', place), username, emailOf(username, random), input.passwordHash, at, at, at];
  });
  const columns = 'id, username, email, password_hash, email_verified_at, created_at, updated_at';
  return { table: 'users.users', columns, rows };
}

/** Some products were archived before the first order, but never the first product of a batch. */
function stockShelves(plan: ShopPlan, batch: number, { idOf }: BatchInput, random: Random): Shelf[] {
  return numbersIn(plan, batch, 'products').map((number, place) => {
    const at = chooseCreationTime(plan, number, plan.products);
    const isArchived = place > 0 && random.happens(ARCHIVED);
    return createShelf(
      random,
      idOf('products', place),
      at,
      isArchived ? addDays(plan.until, -ORDER_DAYS) : null,
    );
  });
}

const makeProductRows = (shelves: readonly Shelf[]): TableRows => ({
  table: 'products.products',
  columns:
    'id, name, description, price, stock, version, content_version, archived_at, created_at, updated_at',
  rows: shelves.map((shelf) => [
    shelf.id,
    shelf.name,
    shelf.description,
    formatMoney(shelf.cents),
    shelf.stock,
    shelf.version,
    shelf.contentVersion,
    shelf.archivedAt,
    shelf.createdAt,
    shelf.updatedAt,
  ]),
});
