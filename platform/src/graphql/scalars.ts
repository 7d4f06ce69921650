// The graph's own scalars. Gateway and subgraphs use the same definitions: the gateway checks values before it calls a subgraph,
// and the subgraph parses them again.
import { GraphQLError, GraphQLScalarType, Kind, print, type ValueNode } from 'graphql';
import { z } from 'zod';
import { parseMoney } from '../money.ts';
import { came, excerpt } from '../validation.ts';

const AMOUNT = 'an amount with at most two decimals ("19.99")';
const INSTANT = 'an instant, RFC 3339 in UTC ("2026-11-23T08:15:30.000Z")';

/** Lists and objects are not quoted: they may be deep, and graphql-js quotes them anyway. */
function describeValue(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' && value !== null ? 'an object' : came(value);
}

const createValueError = (expected: string, value: unknown): GraphQLError =>
  new GraphQLError(`expected ${expected}, got ${describeValue(value)}`);

/** The error of a value in the document, quoted as the caller wrote it. */
const createLiteralError = (expected: string, node: ValueNode): GraphQLError =>
  new GraphQLError(`expected ${expected}, got ${excerpt(print(node))}`, { nodes: node });

function readMoney(value: unknown): string {
  const amount = parseMoney(value);
  if (amount === undefined) throw createValueError(AMOUNT, value);
  return amount;
}

/** The form in which PostgreSQL returns amounts. */
const CANONICAL = /^(?:0|[1-9]\d{0,11})\.\d\d$/;

/** Written as a string, read from a string or a number. */
export const MoneyScalar = new GraphQLScalarType<string, string>({
  name: 'Money',
  serialize: (value) => (typeof value === 'string' && CANONICAL.test(value) ? value : readMoney(value)),
  parseValue: readMoney,
  parseLiteral: (node) => {
    const isText = node.kind === Kind.STRING || node.kind === Kind.INT || node.kind === Kind.FLOAT;
    const amount = isText ? parseMoney(node.value) : undefined;
    if (amount === undefined) throw createLiteralError(AMOUNT, node);
    return amount;
  },
});

// zod accepts a time without seconds, RFC 3339 does not.
const instant = z.iso.datetime().regex(/:\d\d:\d\d/);

const texts = new WeakMap<Date, string>();

/** Formats an instant once, because cached rows are written many times and their dates never change. */
function formatInstant(instant: Date): string {
  let text = texts.get(instant);
  if (text === undefined) {
    text = instant.toISOString();
    texts.set(instant, text);
  }
  return text;
}

/** RFC 3339 in UTC, written and read as a string. */
export const DateTimeScalar = new GraphQLScalarType<Date, string>({
  name: 'DateTime',
  serialize: (value) => {
    if (value instanceof Date) return formatInstant(value);
    throw new TypeError(`expected a Date, got ${typeof value}`);
  },
  parseValue: (value) => {
    const { data } = instant.safeParse(value);
    if (data === undefined) throw createValueError(INSTANT, value);
    return new Date(data);
  },
  parseLiteral: (node) => {
    const { data } = instant.safeParse(node.kind === Kind.STRING ? node.value : undefined);
    if (data === undefined) throw createLiteralError(INSTANT, node);
    return new Date(data);
  },
});

/** The scalars of the graph beside GraphQL's own, by name. */
export const SCALARS: Readonly<Record<string, GraphQLScalarType>> = {
  DateTime: DateTimeScalar,
  Money: MoneyScalar,
};
