// What the graph's own scalars take, as a variable's value and as a literal, and how they refuse anything else.
import { describe, expect, it } from '@jest/globals';
import { parseValue } from 'graphql';
import { DateTimeScalar, MoneyScalar, SCALARS } from './scalars.ts';

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
    ['9'.repeat(100_000), `"${'9'.repeat(56)}…`],
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

  it('gives an instant as it takes it', () => {
    expect(DateTimeScalar.serialize(noon)).toBe('2026-11-23T12:00:00.000Z');
    expect(DateTimeScalar.parseValue('2026-11-23T12:00:00.000Z')).toEqual(noon);
    expect(DateTimeScalar.parseLiteral(parseValue('"2026-11-23T12:00:00Z"'))).toEqual(noon);
  });

  it.each(['2026-11-23', '2026-02-30T12:00:00Z', '2026-11-23T12:00Z', '2026-11-23 12:00:00', 'now', 0, null])(
    'refuses %p',
    (value) => {
      expect(() => DateTimeScalar.parseValue(value)).toThrow(
        `expected an instant, RFC 3339 in UTC ("2026-11-23T08:15:30.000Z"), got ${JSON.stringify(value)}`,
      );
      expect(() => DateTimeScalar.parseLiteral(parseValue(JSON.stringify(value)))).toThrow(
        `expected an instant, RFC 3339 in UTC ("2026-11-23T08:15:30.000Z"), got ${JSON.stringify(value)}`,
      );
    },
  );
});

describe('the table of scalars', () => {
  it('has each under its own name', () => {
    for (const [name, scalar] of Object.entries(SCALARS)) expect(scalar.name).toBe(name);
  });
});
