import { describe, expect, it } from '@jest/globals';
import { headersWith, variablesWith } from './tab-texts.ts';

const CREATED = { id: '7', version: 3 };

describe('the variables of a tab', () => {
  const given = (variables: object) => JSON.parse(variablesWith(CREATED, JSON.stringify(variables)) ?? '');

  it('of an edit get the product and its version, and keep the reader’s other values', () => {
    expect(given({ productId: '', expectedVersion: 1, input: { price: 45 } })).toEqual({
      productId: '7',
      expectedVersion: 3,
      input: { price: 45 },
    });
  });

  it('of an order get the product and an idempotency key', () => {
    const order = given({ input: { productId: '6', quantity: 2, idempotencyKey: 'order-of-6' } });
    expect(order).toEqual({ input: { productId: '7', quantity: 2, idempotencyKey: 'order-of-7' } });
  });

  it.each([
    ['without a place for a product', '{"input":{"username":"demo"}}'],
    ['of a list', '["productId"]'],
    ['that are being written', '{"productId":'],
    ['that are none', ''],
    ['that were never there', undefined],
  ])('%s are left alone', (_, text) => {
    expect(variablesWith(CREATED, text)).toBeUndefined();
  });
});

describe('the headers of a tab', () => {
  it('get the token, which replaces an older one, and keep the reader’s own', () => {
    const first = headersWith('one', '{"x-mine":"yes"}');
    expect(JSON.parse(first)).toEqual({ authorization: 'Bearer one', 'x-mine': 'yes' });
    expect(JSON.parse(headersWith('two', first))).toEqual({ authorization: 'Bearer two', 'x-mine': 'yes' });
  });

  it('lose the token when the session has ended', () => {
    expect(headersWith(undefined, headersWith('one', ''))).toBe('');
    expect(JSON.parse(headersWith(undefined, headersWith('one', '{"x-mine":"yes"}')))).toEqual({
      'x-mine': 'yes',
    });
  });
});
