// Chooses times in a seeded shop. Accounts and products are older than all orders.
import type { ShopPlan } from './plan.ts';

const DAY_MS = 86_400_000;
const SHOP_DAYS = 730;
/** Less than 90 days, after which a sweep deletes reservations: every order of a seeded shop has one. */
export const ORDER_DAYS = 60;
/** How much busier the day is than the night; below 1, so that an order with a higher number has a later time. */
const DAYTIME = 0.8;

/** The time at which account or product `number` of `count` was made. */
export function chooseCreationTime({ until }: ShopPlan, number: number, count: number): Date {
  const days = SHOP_DAYS - (SHOP_DAYS - ORDER_DAYS) * (number / count);
  return new Date(until.getTime() - days * DAY_MS);
}

/** The time at which order `number` was placed: there are more orders by day than by night. */
export function chooseOrderTime({ until, orders }: ShopPlan, number: number): Date {
  const days = (ORDER_DAYS * number) / orders;
  const shift = (DAYTIME * Math.sin(2 * Math.PI * days)) / (2 * Math.PI);
  return addDays(until, days + shift - ORDER_DAYS);
}

export const addDays = (at: Date, days: number): Date => new Date(at.getTime() + days * DAY_MS);
