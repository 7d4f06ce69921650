// The JSON values that a leaf of the reply may have. A subgraph has serialized them; the gateway passes on a value that fits.
import { SCALARS } from '@holdfast/platform/graphql/scalars';
import { type GraphQLLeafType, isEnumType } from 'graphql';

export type IsValidLeaf = (value: unknown) => boolean;

const MAX_INT = 2 ** 31 - 1;
const MIN_INT = -(2 ** 31);

const isText = (value: unknown): boolean => typeof value === 'string';

const BUILT_IN: ReadonlyMap<string, IsValidLeaf> = new Map([
  ['String', isText],
  ['Boolean', (value: unknown) => typeof value === 'boolean'],
  ['Float', (value: unknown) => typeof value === 'number' && Number.isFinite(value)],
  [
    'Int',
    (value: unknown) =>
      typeof value === 'number' && Number.isInteger(value) && value <= MAX_INT && value >= MIN_INT,
  ],
  // JSON writes integers from 1e21 on with an exponent.
  [
    'ID',
    (value: unknown) =>
      typeof value === 'string' ||
      (typeof value === 'number' && Number.isInteger(value) && Math.abs(value) < 1e21),
  ],
]);

/** The scalars of this graph are strings; any other custom scalar can be any JSON value. */
export function leafCheck(type: GraphQLLeafType): IsValidLeaf {
  if (isEnumType(type)) return (value) => typeof value === 'string' && type.getValue(value) != null;
  if (Object.hasOwn(SCALARS, type.name)) return isText;
  return BUILT_IN.get(type.name) ?? (() => true);
}
