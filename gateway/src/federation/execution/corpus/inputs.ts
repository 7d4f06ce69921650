// Arguments for the corpus: literals, and variables that are given, null, absent or have defaults.
import {
  type GraphQLArgument,
  type GraphQLInputField,
  type GraphQLInputType,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
} from 'graphql';
import type { Random } from './random.ts';

export interface Inputs {
  /** By the variables' names. */
  readonly definitions: ReadonlyMap<string, string>;
  readonly variables: Readonly<Record<string, unknown>>;
  /** GraphQL for the argument's value. */
  value(argument: GraphQLArgument): string;
  /** A variable for @skip and @include. */
  flag(): string;
  /** A variable with a text. */
  text(): string;
}

export function createInputs(schema: GraphQLSchema, random: Random): Inputs {
  const definitions = new Map<string, string>();
  const variables: Record<string, unknown> = {};

  function literal(type: GraphQLInputType): unknown {
    if (isNonNullType(type)) return literalOfNullable(type.ofType);
    return random.percent(12) ? null : literalOfNullable(type);
  }

  function literalOfNullable(type: GraphQLInputType): unknown {
    if (isNonNullType(type)) return literalOfNullable(type.ofType);
    if (isListType(type)) return Array.from({ length: random.below(3) }, () => literal(type.ofType));
    if (isEnumType(type)) return new EnumValue(random.pick(type.getValues()).name);
    if (isInputObjectType(type)) return objectOf(Object.values(type.getFields()));
    if (type.name === 'Int') return random.below(5);
    if (type.name === 'Float') return random.below(40) / 8;
    if (type.name === 'Boolean') return random.percent(50);
    if (type.name === 'ID') return String(1 + random.below(9));
    if (type.name === 'Money') return `${random.below(9)}.50`;
    if (type.name === 'DateTime') return '2026-11-23T08:15:30.000Z';
    return random.pick(['', 'text', 'tür "x"', '__proto__']);
  }

  function objectOf(fields: readonly GraphQLInputField[]): Record<string, unknown> {
    const isRequired = (field: GraphQLInputField) =>
      isNonNullType(field.type) && field.defaultValue === undefined;
    const given = fields.filter((field) => isRequired(field) || random.percent(50));
    return Object.fromEntries(given.map((field) => [field.name, literal(field.type)]));
  }

  function define(type: GraphQLInputType): string {
    const name = random.percent(5) ? 'representations' : `v${definitions.size}`;
    if (definitions.has(name)) return writeValue(literal(type));
    const isRequired = isNonNullType(type);
    const defaultValue = random.percent(30) ? literalOfNullable(type) : undefined;
    definitions.set(
      name,
      `$${name}: ${type}${defaultValue === undefined ? '' : ` = ${writeValue(defaultValue)}`}`,
    );
    const mayBeAbsent = !isRequired || defaultValue !== undefined;
    if (!mayBeAbsent || random.percent(70)) variables[name] = plain(literal(type));
    return `$${name}`;
  }

  function flag(): string {
    const name = `flag${random.below(3)}`;
    if (!definitions.has(name)) {
      const hasDefault = random.percent(40);
      definitions.set(name, `$${name}: Boolean!${hasDefault ? ` = ${random.percent(50)}` : ''}`);
      if (!hasDefault || random.percent(50)) variables[name] = random.percent(60);
    }
    return `$${name}`;
  }

  function text(): string {
    definitions.set('text', '$text: String! = "Query"');
    if (random.percent(60)) variables['text'] = random.pick([...Object.keys(schema.getTypeMap()), 'Nothing']);
    return '$text';
  }

  return {
    definitions,
    variables,
    flag,
    text,
    value: ({ type }) => (random.percent(50) ? define(type) : writeValue(literal(type))),
  };
}

/** The name of an enum's value, which GraphQL writes without quotes. */
class EnumValue {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  toJSON(): string {
    return this.name;
  }
}

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

/** As GraphQL. */
function writeValue(value: unknown): string {
  if (value instanceof EnumValue) return value.name;
  if (Array.isArray(value)) return `[${value.map(writeValue).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return `{ ${Object.entries(value)
    .map(([name, member]) => `${name}: ${writeValue(member)}`)
    .join(', ')} }`;
}
