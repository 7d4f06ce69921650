// Whether a reply is one that the schema allows: graphql-js executes the operation over the reply itself.
import { isDeepStrictEqual } from 'node:util';
import { buildSchema, executeSync, type GraphQLSchema, isScalarType, parse, printSchema } from 'graphql';
import { isJsonObject, memberOf } from '../members.ts';
import type { Operation } from './operations.ts';

/** Says what is wrong with the data, as messages. In every selection set of the operation stands `__typename`. */
export type FindInvalid = (operation: Operation, data: unknown) => string[];

export function createValidity(api: GraphQLSchema): FindInvalid {
  const schema = strictSchema(api);
  return ({ source, variables }, data) => {
    const { data: shown, errors = [] } = executeSync({
      schema,
      document: parse(withIdentifiers(source)),
      rootValue: data,
      variableValues: variables,
      fieldResolver: (object, _args, _context, { path: { key } }) =>
        isJsonObject(object) ? memberOf(object, String(key)) : undefined,
      typeResolver: (object) => (isJsonObject(object) ? String(object['__typename']) : undefined),
    });
    if (errors.length > 0) return errors.map(({ message, path }) => `${message} (${path?.join('.')})`);
    const isSame = isDeepStrictEqual(JSON.parse(JSON.stringify(shown)), data);
    return isSame ? [] : [`expected ${JSON.stringify(shown)}, got ${JSON.stringify(data)}`];
  };
}

/** graphql-js shows an ID as text, also one that came as a number: a scalar of our own takes both. */
const withIdentifiers = (source: string): string => source.replaceAll(/(?<=[:[]\s*)ID\b/g, 'Identifier');

function strictSchema(api: GraphQLSchema): GraphQLSchema {
  const sdl = withIdentifiers(printSchema(api))
    // A fragment on the interface lets it be null, with @apollo/gateway and with the compiled executor.
    .replaceAll('mark: String!', 'mark: String');
  const schema = buildSchema(`scalar Identifier\n${sdl}`);
  const identifier = schema.getType('Identifier');
  const money = schema.getType('Money');
  if (!isScalarType(identifier) || !isScalarType(money))
    throw new Error('the scalars of the corpus are expected');
  identifier.serialize = (value) => {
    if (typeof value === 'string' || Number.isInteger(value)) return value;
    throw new Error('an ID is expected');
  };
  money.serialize = (value) => {
    if (typeof value === 'string') return value;
    throw new Error('an amount is expected');
  };
  return schema;
}
