// Values of the graph: scalars, cursors and pages, and the fields of types.

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseValue } from 'graphql';
import { z } from 'zod';
import { allHandled, check, optional } from '../validation.ts';
import { type FieldsBeside, keysOf } from './fields.ts';
import { decodeCursor, encodeCursor, pageSize, toConnection } from './pages.ts';
import { DateTimeScalar, MoneyScalar, SCALARS } from './scalars.ts';

// The values that the scalars accept, as variables and as literals, and their errors for others.
describe('scalars', () => {
  describe('the Money scalar', () => {
    it.each([
      ['"19.9"', '19.90'],
      ['19.9', '19.90'],
      ['7', '7.00'],
      ['"""0.5"""', '0.50'],
    ])('reads the literal %s as %s', (text, amount) => {
      expect(MoneyScalar.parseLiteral(parseValue(text))).toBe(amount);
    });

    it('reads a value that is a string or a number', () => {
      expect(MoneyScalar.parseValue('19.9')).toBe('19.90');
      expect(MoneyScalar.parseValue(19.9)).toBe('19.90');
    });

    it.each(['1e400', '1e2', '"1,99"', '99999999999999', 'true', 'null', 'MUCH', '{a: $b}', '[1]'])(
      'refuses the literal %s as it was written',
      (text) => {
        expect(() => MoneyScalar.parseLiteral(parseValue(text))).toThrow(
          `expected an amount with at most two decimals ("19.99"), got ${text}`,
        );
      },
    );

    it.each([
      [Number.POSITIVE_INFINITY, 'Infinity'],
      ['1,99', '"1,99"'],
      [null, 'null'],
      [true, 'true'],
      [['1.99'], 'a list'],
      [{ a: 1 }, 'an object'],
      ['9'.repeat(100_000), `"${'9'.repeat(57)}…"`],
    ])('refuses the value %p', (value, got) => {
      expect(() => MoneyScalar.parseValue(value)).toThrow(
        `expected an amount with at most two decimals ("19.99"), got ${got}`,
      );
    });

    it('refuses a list of lists, however deep', () => {
      const deep = JSON.parse('['.repeat(7_000) + ']'.repeat(7_000));
      expect(() => MoneyScalar.parseValue(deep)).toThrow('got a list');
    });

    it('cuts a long literal short', () => {
      expect(() => MoneyScalar.parseLiteral(parseValue(`"${'9'.repeat(100_000)}"`))).toThrow(
        `expected an amount with at most two decimals ("19.99"), got "${'9'.repeat(56)}…`,
      );
    });
  });

  describe('the DateTime scalar', () => {
    const noon = new Date('2026-11-23T12:00:00.000Z');

    it('writes an instant in the form that it reads', () => {
      expect(DateTimeScalar.serialize(noon)).toBe('2026-11-23T12:00:00.000Z');
      expect(DateTimeScalar.parseValue('2026-11-23T12:00:00.000Z')).toEqual(noon);
      expect(DateTimeScalar.parseLiteral(parseValue('"2026-11-23T12:00:00Z"'))).toEqual(noon);
    });

    it.each([
      '2026-11-23',
      '2026-02-30T12:00:00Z',
      '2026-11-23T12:00Z',
      '2026-11-23 12:00:00',
      'now',
      0,
      null,
    ])('refuses %p', (value) => {
      expect(() => DateTimeScalar.parseValue(value)).toThrow(
        `expected an instant, RFC 3339 in UTC ("2026-11-23T08:15:30.000Z"), got ${JSON.stringify(value)}`,
      );
      expect(() => DateTimeScalar.parseLiteral(parseValue(JSON.stringify(value)))).toThrow(
        `expected an instant, RFC 3339 in UTC ("2026-11-23T08:15:30.000Z"), got ${JSON.stringify(value)}`,
      );
    });
  });

  describe('the table of scalars', () => {
    it('has each under its own name', () => {
      for (const [name, scalar] of Object.entries(SCALARS)) expect(scalar.name).toBe(name);
    });
  });
});

describe('pages', () => {
  const ID = '4711';

  describe('cursors', () => {
    it('return the sort key that they were made of', () => {
      fc.assert(
        fc.property(fc.string(), (name) => {
          expect(decodeCursor('things', 2, encodeCursor('things', [name, ID]))).toEqual([name, ID]);
        }),
      );
    });

    it('are refused by another list, at another length, and when they are forged', () => {
      const cursor = encodeCursor('things', [ID]);
      const forged = Buffer.from(JSON.stringify(['things', { id: ID }])).toString('base64url');
      for (const [list, length, given] of [
        ['others', 1, cursor],
        ['things', 2, cursor],
        ['things', 1, encodeCursor('things', ['not an id'])],
        ['things', 1, forged],
        ['things', 1, ''],
        ['things', 1, '%%%'],
      ] as const) {
        expect(() => decodeCursor(list, length, given)).toThrow(/^after: expected a cursor/);
      }
    });
  });

  describe('pageSize', () => {
    it('is 20 unless the caller requests 1 to 100', () => {
      expect([pageSize(undefined), pageSize(null), pageSize(1), pageSize(100)]).toEqual([20, 20, 1, 100]);
      for (const size of [0, 101, -1, 1.5])
        expect(() => pageSize(size)).toThrow(`first: expected 1 to 100, got ${size}`);
    });
  });

  describe('toConnection', () => {
    it('returns a page, and detects the next page by one more row', () => {
      const page = toConnection(['a', 'b', 'c'], 2, undefined, (node) => `after ${node}`);
      expect(page.edges.map(({ node }) => node)).toEqual(['a', 'b']);
      expect(page.pageInfo).toEqual({
        hasNextPage: true,
        hasPreviousPage: false,
        startCursor: 'after a',
        endCursor: 'after b',
      });
      expect(toConnection([], 2, 'x', String).pageInfo).toEqual({
        hasNextPage: false,
        hasPreviousPage: true,
        startCursor: null,
        endCursor: null,
      });
    });
  });
});

// Code that does not handle a field does not compile: each `@ts-expect-error` makes the type check fail when it does.
describe('fields', () => {
  interface Input {
    readonly name: string;
    readonly sku?: string | null;
  }
  const input: Input = { name: 'Kettle' };
  const name = z.string();

  it('is a field of an input without a rule, or with one for another type', () => {
    const sku = optional(z.string().nullable());
    const checks = [
      check(z.strictObject({ name, sku }), input),
      // @ts-expect-error `sku` has no rule
      check(z.strictObject({ name }), input),
      // @ts-expect-error `sku` has no rule, and would be let through unread
      check(z.looseObject({ name }), input),
      // @ts-expect-error the value lacks `sku` when the input does
      check(z.strictObject({ name, sku: z.string().nullish() }), input),
      // @ts-expect-error `sku` is not a number
      check(z.strictObject({ name, sku: optional(z.number()) }), input),
    ];
    expect(checks.map(({ ok }) => ok)).toEqual([true, true, true, true, true]);
  });

  it('is a field that is left of an object', () => {
    const { name: taken, ...rest } = input;
    // @ts-expect-error the code does not handle `sku`
    allHandled(rest);
    const { sku, ...none } = rest;
    allHandled(none);
    expect([taken, sku]).toEqual(['Kettle', undefined]);
  });

  it('is a field of a GraphQL type that neither the row nor a resolver has', () => {
    type Row = { readonly name: string };
    const resolvers = [
      { sku: () => 'A-1' } satisfies FieldsBeside<Input & { __typename?: 'Product' }, Row>,
      {} satisfies FieldsBeside<Input, Input>,
      // @ts-expect-error `sku` would always be null
      {} satisfies FieldsBeside<Input, Row>,
    ];
    expect(resolvers).toHaveLength(3);
  });

  it('takes the keys of a change from its field names', () => {
    expect(keysOf({ name: 1, sku: undefined })).toEqual(['name', 'sku']);
  });
});
