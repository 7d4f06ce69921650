// Checks of bodies and queries by the schema of a route.
import { AppError } from '@holdfast/platform/errors';
import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { createBodyReader, createQueryReader } from '../test/readers.ts';
import { newOrder } from './resources/orders/schemas.ts';
import { listParameters, newProduct, replacement } from './resources/products/schemas.ts';

const errorsIn = (error: unknown): unknown =>
  error instanceof AppError ? error.extensions['errors'] : error;

function errorsOf(read: () => unknown): unknown {
  try {
    return read();
  } catch (error) {
    return errorsIn(error);
  }
}

describe('a body', () => {
  const read = createBodyReader(newProduct);
  const good = { name: 'Pot', description: null, price: 19.99, stock: 5 };

  it('is returned unchanged when it is valid', () => {
    expect(read(good)).toEqual(good);
    for (const price of [0, 0.07, 1.1, 99_999_999.99, '19.99', '5', '0.5'])
      expect(errorsOf(() => read({ ...good, price }))).toEqual({ ...good, price });
  });

  it('is measured in characters, and not in UTF-16 units', () => {
    expect(read({ ...good, name: '\u{1fad6}'.repeat(255) })).toMatchObject({ stock: 5 });
    expect(errorsOf(() => read({ ...good, name: '\u{1fad6}'.repeat(256) }))).toMatchObject([
      { field: 'name' },
    ]);
  });

  it.each([19.999, 1e-7, 1e12, -1, '19.999', '-1', '1e3', '', ' 1', 'abc', null, true, [], '123456789'])(
    'has no price like %j',
    (price) => {
      expect(errorsOf(() => read({ ...good, price }))).toEqual([
        {
          field: 'price',
          message: `expected an amount of 0 to 99999999.99 with at most two decimals, got ${JSON.stringify(price)}`,
        },
      ]);
    },
  );

  it('is answered with all its errors at once, one for each field', () => {
    expect(errorsOf(() => read({ name: '', stock: 1.5, colour: 'red' }))).toEqual([
      {
        field: 'price',
        message: 'expected an amount of 0 to 99999999.99 with at most two decimals, got no value',
      },
      { field: 'colour', message: 'expected one of name, description, price, stock, got an unknown member' },
      {
        field: 'name',
        message:
          'expected 1 to 255 characters, some of them visible, no control characters or line breaks, got ""',
      },
      { field: 'stock', message: 'expected a whole number of 0 to 1000000000, got 1.5' },
    ]);
  });

  it.each([null, [], 'text', 5])('is an object, not %j', (body) => {
    expect(errorsOf(() => read(body))).toEqual([
      { field: 'the body', message: `expected an object, got ${JSON.stringify(body)}` },
    ]);
  });

  it('may not contain names that every object inherits', () => {
    const body: unknown = JSON.parse('{"name":"a","price":1,"stock":1,"__proto__":{"x":1},"constructor":1}');
    expect(errorsOf(() => read(body))).toMatchObject([{ field: '__proto__' }, { field: 'constructor' }]);
  });

  it('may contain read-only members with a change, and no other members', () => {
    const whole = { ...good, id: '7', version: 3, created_at: 'a', updated_at: 'b' };
    expect(createBodyReader(replacement)(whole)).toEqual(whole);
    expect(errorsOf(() => createBodyReader(replacement)({ ...whole, archived_at: null }))).toMatchObject([
      { field: 'archived_at' },
    ]);
  });

  it('is never quoted in a message when it is a secret', () => {
    const password = z.string().min(50).meta({ writeOnly: true, description: 'at least 50 characters' });
    const readSecret = createBodyReader(z.strictObject({ password }));
    expect(errorsOf(() => readSecret({ password: 'hunter2' }))).toEqual([
      { field: 'password', message: 'expected at least 50 characters, got 7 characters' },
    ]);
    expect(errorsOf(() => readSecret({}))).toEqual([
      { field: 'password', message: 'expected at least 50 characters, got no value' },
    ]);
    expect(errorsOf(() => readSecret({ password: { hunter2: 1 } }))).toEqual([
      { field: 'password', message: 'expected at least 50 characters, got something of type object' },
    ]);
  });
});

describe('a query', () => {
  const read = createQueryReader(listParameters);

  it('is converted to the types of its schema, with defaults', async () => {
    expect(await read('limit=5&in_stock=true&min_price=1.5&search=red+pot')).toEqual({
      limit: 5,
      in_stock: true,
      min_price: '1.5',
      search: 'red pot',
      sort: 'newest',
    });
    expect(await read('')).toEqual({ limit: 20, sort: 'newest' });
  });

  it.each([
    ['limit=0', 'limit'],
    ['limit=101', 'limit'],
    ['limit=', 'limit'],
    ['limit=1.5', 'limit'],
    ['limit=x', 'limit'],
    ['limit=5&limit=5', 'limit'],
    ['limit=0x10', 'limit'],
    ['limit=0b11', 'limit'],
    ['limit=1e1', 'limit'],
    ['limit=%205', 'limit'],
    ['limit=5%0a', 'limit'],
    ['limit=+5', 'limit'],
    ['limit=%2B5', 'limit'],
    ['limit=-5', 'limit'],
    ['limit=05', 'limit'],
    ['limit=5.0', 'limit'],
    ['limit=1_0', 'limit'],
    ['limit=%D9%A5', 'limit'],
    ['limit=Infinity', 'limit'],
    ['in_stock=yes', 'in_stock'],
    ['in_stock=1', 'in_stock'],
    ['in_stock=TRUE', 'in_stock'],
    ['in_stock=', 'in_stock'],
    ['min_price=1e1', 'min_price'],
    ['min_price=+1', 'min_price'],
    ['max_price=0x1', 'max_price'],
    ['min_price=cheap', 'min_price'],
    ['max_price=1.999', 'max_price'],
    ['sort=sideways', 'sort'],
    ['search=', 'search'],
    ['cursor=', 'cursor'],
    ['colour=red', 'colour'],
    ['__proto__=1', '__proto__'],
    ['toString=1', 'toString'],
  ])('%j is refused by name', async (query, field) => {
    expect(await read(query).catch(errorsIn)).toEqual([
      { field, message: expect.stringMatching(/^expected /) },
    ]);
  });

  it('is quoted unchanged when it is not a valid number', async () => {
    expect(await read('limit=0x10').catch(errorsIn)).toEqual([
      { field: 'limit', message: 'expected a whole number of 1 to 100, got "0x10"' },
    ]);
  });
});

const read = createBodyReader(newOrder);

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
