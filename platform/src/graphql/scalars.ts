// The graph's own scalars. Subgraphs and gateway use the same definitions: the gateway checks values before it sends
// anything, and the subgraph reads them again.
import { GraphQLError, GraphQLScalarType, Kind, print, type ValueNode } from 'graphql';
import { z } from 'zod';
import { parseMoney } from '../money.ts';
import { came, excerpt } from '../validation.ts';

const AMOUNT = 'an amount with at most two decimals ("19.99")';
const INSTANT = 'an instant, RFC 3339 in UTC ("2026-11-23T08:15:30.000Z")';

/** A list or an object is not shown: it may be deep, and graphql-js names it anyway. */
function shown(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' && value !== null ? 'an object' : came(value);
}

const refusal = (expected: string, value: unknown): GraphQLError =>
  new GraphQLError(`expected ${expected}, got ${shown(value)}`);

/** Of a value that stands in the document: it is shown as it was written. */
const literalRefusal = (expected: string, node: ValueNode): GraphQLError =>
  new GraphQLError(`expected ${expected}, got ${excerpt(print(node))}`, { nodes: node });

function readMoney(value: unknown): string {
  const amount = parseMoney(value);
  if (amount === undefined) throw refusal(AMOUNT, value);
  return amount;
}

/** How amounts come from PostgreSQL. */
const CANONICAL = /^(?:0|[1-9]\d{0,11})\.\d\d$/;

/** Out as a string, in as a string or a number. */
export const MoneyScalar = new GraphQLScalarType<string, string>({
  name: 'Money',
  serialize: (value) => (typeof value === 'string' && CANONICAL.test(value) ? value : readMoney(value)),
  parseValue: readMoney,
  parseLiteral: (node) => {
    const isText = node.kind === Kind.STRING || node.kind === Kind.INT || node.kind === Kind.FLOAT;
    const amount = isText ? parseMoney(node.value) : undefined;
    if (amount === undefined) throw literalRefusal(AMOUNT, node);
    return amount;
  },
});

// zod takes a time without seconds as well, RFC 3339 does not.
const instant = z.iso.datetime().regex(/:\d\d:\d\d/);

const texts = new WeakMap<Date, string>();

/** Rows that are cached are shown again and again, and nothing changes the instants in them. */
function written(instant: Date): string {
  let text = texts.get(instant);
  if (text === undefined) {
    text = instant.toISOString();
    texts.set(instant, text);
  }
  return text;
}

/** RFC 3339 in UTC: out as a string, in as one. */
export const DateTimeScalar = new GraphQLScalarType<Date, string>({
  name: 'DateTime',
  serialize: (value) => {
    if (value instanceof Date) return written(value);
    throw new TypeError(`a Date is expected, got ${typeof value}`);
  },
  parseValue: (value) => {
    const { data } = instant.safeParse(value);
    if (data === undefined) throw refusal(INSTANT, value);
    return new Date(data);
  },
  parseLiteral: (node) => {
    const { data } = instant.safeParse(node.kind === Kind.STRING ? node.value : undefined);
    if (data === undefined) throw literalRefusal(INSTANT, node);
    return new Date(data);
  },
});

/** Every scalar of the graph that GraphQL itself does not have, by its name. */
export const SCALARS: Readonly<Record<string, GraphQLScalarType>> = {
  DateTime: DateTimeScalar,
  Money: MoneyScalar,
};
