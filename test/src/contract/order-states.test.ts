// REST names the states that orders have: those of the one table of them.

import { publishedDocument } from '@holdfast/gateway/src/test/published.ts';
import { ADVANCES, ORDER_STATUSES } from '@holdfast/orders/domain/order-status';
import { expect, it } from '@jest/globals';

const { components, paths } = await publishedDocument();
const sorted = (statuses: readonly string[]): string[] => [...statuses].sort();

it.each(['Order', 'DetailedOrder'])('%s has them all', (name) => {
  expect(sorted(components.schemas[name].properties.status.enum)).toEqual(sorted(ORDER_STATUSES));
});

it('a list of orders can be of any of them', () => {
  const parameters: { name: string; schema: { enum: string[] } }[] = paths['/orders'].get.parameters;
  expect(sorted(parameters.find(({ name }) => name === 'status')?.schema.enum ?? [])).toEqual(
    sorted(ORDER_STATUSES),
  );
});

it('staff can make an order what the table lets them', () => {
  expect(sorted(components.schemas.OrderStep.properties.status.enum)).toEqual(sorted(ADVANCES));
});
