// Amounts of money: decimal strings with two decimals ("19.99"), numeric(10,2) in PostgreSQL. Never floats.
import { GraphQLError, GraphQLScalarType, Kind } from 'graphql';

/** Up to numeric(14,2), the total of an order; what a price may be is for the domain to say. */
const AMOUNT = /^(-?)(\d{1,12})(?:\.(\d{1,2}))?$/;

/** The canonical form of an amount, or undefined when `value` is none: at most two decimals, no exponent. */
export function parseMoney(value: unknown): string | undefined {
  if (typeof value !== 'string' && typeof value !== 'number') return undefined;
  const match = AMOUNT.exec(String(value));
  if (!match) return undefined;
  const [, sign = '', whole = '', cents = ''] = match;
  return `${sign}${BigInt(whole)}.${cents.padEnd(2, '0')}`;
}

function requireMoney(value: unknown): string {
  const amount = parseMoney(value);
  if (amount !== undefined) return amount;
  throw new GraphQLError(
    `an amount with at most two decimals is expected ("19.99"), got ${JSON.stringify(value)}`,
  );
}

/** The `Money` scalar: out as a string, in as a string or a number. */
export const MoneyScalar = new GraphQLScalarType<string, string>({
  name: 'Money',
  serialize: requireMoney,
  parseValue: requireMoney,
  parseLiteral: (node) => {
    if (node.kind === Kind.STRING || node.kind === Kind.INT || node.kind === Kind.FLOAT)
      return requireMoney(node.value);
    throw new GraphQLError('an amount with at most two decimals is expected ("19.99")', { nodes: node });
  },
});

/** The `DateTime` scalar: RFC 3339 in UTC. Output only. */
export const DateTimeScalar = new GraphQLScalarType<never, string>({
  name: 'DateTime',
  serialize: (value) => {
    if (value instanceof Date) return value.toISOString();
    throw new TypeError(`a Date is expected, got ${typeof value}`);
  },
});
