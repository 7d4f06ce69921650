// Ids in REST: JSON integers or their decimal spelling, and nothing else.
import { AppError } from '@holdfast/platform/errors';
import { describe, expect, it } from '@jest/globals';
import { bodyReader } from '../test/readers.ts';
import { newOrder } from './resources/orders/schemas.ts';

const read = bodyReader(newOrder);

describe('the id of a product in a body', () => {
  it.each([
    [1, '1'],
    ['1', '1'],
    [2_147_483_647, '2147483647'],
    ['2147483647', '2147483647'],
  ])('may be %j', (given, id) => {
    expect(read({ product_id: given, quantity: 1 })).toMatchObject({ product_id: id });
  });

  it.each([
    0,
    -1,
    1.5,
    2_147_483_648,
    1e300,
    '0',
    '-1',
    '01',
    '1.0',
    '1e3',
    ' 1',
    '2147483648',
    '9'.repeat(400),
    '',
    'abc',
    '0192c7a4-0000-7000-8000-000000000000',
    true,
    null,
    [1],
    { id: 1 },
  ])('is not %j, which is an error of its field', (given) => {
    const reading = () => read({ product_id: given, quantity: 1 });
    expect(reading).toThrow(AppError);
    expect(reading).toThrow(
      expect.objectContaining({
        extensions: expect.objectContaining({
          errors: [
            {
              field: 'product_id',
              message: expect.stringMatching(
                /^expected the id of a product, an integer of 1 to 2147483647, got /,
              ),
            },
          ],
        }),
      }),
    );
  });
});
