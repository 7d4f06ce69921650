// The states of an order and the steps between them, in one table. SQL, metrics and messages are generated from this table; tests
// compare the GraphQL enum, the CHECK constraints and the drawing in docs/api.md with it. It imports no code, so data/ may use it.
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

/** What each status means, for the schema and the docs. */
export const MEANINGS: Readonly<Record<OrderStatus, string>> = {
  PENDING: 'Placed; its units are not reserved yet.',
  CONFIRMED: 'Its units are reserved.',
  REJECTED: 'Its units could not be reserved; `rejection` says why.',
  CANCELLED: 'Cancelled by its customer or by staff; its units return to the stock.',
  SHIPPED: 'Sent to the customer; it can no longer be cancelled.',
  DELIVERED: 'The customer has received it.',
};

/** Who takes a step: the customer, staff, or the worker that receives the decision of the products service (`settlement`). */
export type StepTaker = 'settlement' | 'customer' | 'staff';

interface Step {
  readonly from: OrderStatus;
  readonly to: OrderStatus;
  readonly by: StepTaker;
  /** The job that the statement of the step adds. */
  readonly job?: 'release-stock' | 'ship-stock';
}

/** The first step of an order. */
export const PLACED = { to: 'PENDING', by: 'customer', job: 'reserve-stock' } as const;

/** All later steps. A status that is no `from` of a step is final. */
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

/** The statuses from which `by` may give an order the status `to`. */
export const statusesBefore = (by: StepTaker, to: OrderStatus): OrderStatus[] =>
  stepsBy(by)
    .filter((step) => step.to === to)
    .map(({ from }) => from);

/** A status that staff give an order on its way to the customer. */
export type Advance = Exclude<StepBy<'staff'>['to'], 'CANCELLED'>;

/** All of these statuses, in the order of the steps. */
export const ADVANCES: readonly Advance[] = stepsBy('staff')
  .map(({ to }) => to)
  .filter((to) => to !== 'CANCELLED');
