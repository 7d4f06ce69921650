import { ApolloClient, ApolloLink, InMemoryCache, Observable } from '@apollo/client';
import { describe, expect, it } from '@jest/globals';
import { POSSIBLE_TYPES } from '../../generated/operations.ts';
import { checkLaws } from './laws.ts';
import { BUYERS, MARKS_EACH, type Race, runRace, UNITS } from './race.ts';

const PRODUCT = {
  __typename: 'Product',
  id: '1',
  name: 'Raced',
  description: 'Marks:',
  price: '5.00',
  stock: UNITS,
  version: 1,
  createdAt: '2026-01-01T00:00:00.000Z',
  updatedAt: '2026-01-01T00:00:00.000Z',
};

it('a race with a failed order ends after all other orders, and reports the failure', async () => {
  let asked = 0;
  let answered = 0;
  let orders = 0;
  const link = new ApolloLink(
    ({ operationName }) =>
      new Observable((observer) => {
        asked += 1;
        const isFirstOrder = operationName === 'PlaceOrder' && orders++ === 0;
        // The failure is the first of all replies.
        const reply = () => {
          answered += 1;
          observer.next({ data: dataOf(operationName ?? '', isFirstOrder) });
          observer.complete();
        };
        if (isFirstOrder || operationName === 'CreateProduct') reply();
        else setTimeout(reply, 5);
      }),
  );
  const client = new ApolloClient({
    link,
    cache: new InMemoryCache({ possibleTypes: POSSIBLE_TYPES }),
    defaultOptions: { watchQuery: { errorPolicy: 'all' } },
  });
  const shown: Race[] = [];
  await expect(runRace(client, (race) => shown.push(race))).rejects.toThrow('There is no such product.');
  expect(answered).toBe(asked);
  expect(asked).toBe(1 + 2 * MARKS_EACH + BUYERS);
  expect(shown.at(-1)?.orders.confirmed).toBe(BUYERS - 1);
});

function dataOf(operation: string, fails: boolean): Record<string, unknown> {
  if (operation === 'CreateProduct') return { createProduct: PRODUCT };
  if (operation === 'UpdateProduct') return { updateProduct: PRODUCT };
  if (fails)
    return {
      createOrder: { __typename: 'ProductNotFound', code: 'NOT_FOUND', message: 'There is no such product.' },
    };
  const order = { id: '1', status: 'CONFIRMED', quantity: 1, totalPrice: '5.00', version: 1 };
  return { createOrder: { __typename: 'Order', ...order } };
}

describe('no unit is oversold', () => {
  const sold = (confirmed: number, pending: number, stock: number) => {
    const count = { accepted: 10, refused: 0 };
    const orders = { confirmed, soldOut: BUYERS - confirmed - pending, pending, limited: 0 };
    const race: Race = {
      productId: '1',
      editors: { A: count, B: count },
      orders,
      retryAfter: undefined,
      end: undefined,
    };
    const { sum, holds } = checkLaws(race, { stock, marks: 20, version: 21 })[1] ?? {};
    return [sum, holds];
  };

  it.each([
    ['all is sold', sold(20, 0, 0), '20 units = 20 sold + 0 left', true],
    ['a unit is missing', sold(18, 0, 1), '20 units = 18 sold + 1 left', false],
    ['more is sold than there was', sold(21, 0, 0), '20 units = 21 sold + 0 left', false],
    [
      'some of the pending have their unit',
      sold(15, 5, 2),
      '20 units = 15 sold + 3 of 5 pending + 2 left',
      true,
    ],
    ['more is taken than was ordered', sold(15, 2, 2), '20 units = 15 sold + 3 of 2 pending + 2 left', false],
  ])('%s', (_, found, sum, holds) => {
    expect(found).toEqual([sum, holds]);
  });
});
