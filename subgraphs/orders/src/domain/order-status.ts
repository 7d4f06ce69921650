// The states of an order and the steps between them: the one table of them. SQL, metrics and messages are made from it; the
// GraphQL enum, the CHECK constraints and the drawing in docs/api.md are held to it. It imports no code, so data/ reads it too.
import type { OrderStatus as GraphOrderStatus } from '../generated/graphql.ts';

export const ORDER_STATUSES = [
  'PENDING',
  'CONFIRMED',
  'REJECTED',
  'CANCELLED',
  'SHIPPED',
  'DELIVERED',
] as const satisfies readonly GraphOrderStatus[];
export type OrderStatus = (typeof ORDER_STATUSES)[number];

/** What each says of the order, for the schema and the docs. */
export const MEANINGS: Readonly<Record<OrderStatus, string>> = {
  PENDING: 'Accepted; its units are not reserved yet.',
  CONFIRMED: 'Its units are reserved.',
  REJECTED: 'Its units could not be reserved; `rejection` says why.',
  CANCELLED: 'Cancelled by its customer or by staff; its units go back to the stock.',
  SHIPPED: 'On its way; it cannot be cancelled any more.',
  DELIVERED: 'It has arrived.',
};

/** Who takes a step: the customer, staff, or the worker that hears from the stock. */
export type StepTaker = 'settlement' | 'customer' | 'staff';

interface Step {
  readonly from: OrderStatus;
  readonly to: OrderStatus;
  readonly by: StepTaker;
  /** The job that is added with the step. */
  readonly job?: 'release-stock' | 'ship-stock';
}

/** How an order begins. */
export const PLACED = { to: 'PENDING', by: 'customer', job: 'reserve-stock' } as const;

/** The steps after that. An order that no step leads on from is at its end. */
export const STEPS = [
  { from: 'PENDING', to: 'CONFIRMED', by: 'settlement' },
  { from: 'PENDING', to: 'REJECTED', by: 'settlement' },
  { from: 'CONFIRMED', to: 'CANCELLED', by: 'customer', job: 'release-stock' },
  { from: 'CONFIRMED', to: 'CANCELLED', by: 'staff', job: 'release-stock' },
  { from: 'CONFIRMED', to: 'SHIPPED', by: 'staff', job: 'ship-stock' },
  { from: 'SHIPPED', to: 'DELIVERED', by: 'staff' },
] as const satisfies readonly Step[];

export type StepBy<By extends StepTaker> = Extract<(typeof STEPS)[number], { by: By }>;

export const stepsBy = <By extends StepTaker>(by: By): StepBy<By>[] =>
  STEPS.filter((step): step is StepBy<By> => step.by === by);

/** The statuses from which that actor may give an order the status `to`. */
export const statusesBefore = (by: StepTaker, to: OrderStatus): OrderStatus[] =>
  stepsBy(by)
    .filter((step) => step.to === to)
    .map(({ from }) => from);

/** A status on an order's way to its customer, which staff give it. */
export type Advance = Exclude<StepBy<'staff'>['to'], 'CANCELLED'>;

/** Every one of them, in their order. */
export const ADVANCES: readonly Advance[] = stepsBy('staff')
  .map(({ to }) => to)
  .filter((to) => to !== 'CANCELLED');
