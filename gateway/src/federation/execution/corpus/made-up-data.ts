// The subgraphs' data, made up from hashes: what a field of an object gives follows from the object, the field, its
// arguments and what it requires, so that every subgraph and every run agree without stored data.
import {
  GraphQLError,
  type GraphQLFieldResolver,
  type GraphQLInterfaceType,
  type GraphQLLeafType,
  type GraphQLOutputType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  type GraphQLUnionType,
  isEnumType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
} from 'graphql';
import { isJsonObject, type JsonObject } from '../members.ts';
import { hashOf } from './random.ts';

/** 0: no resolver fails. Other numbers make others fail. */
export interface Trouble {
  readonly trouble: number;
}

/**
 * A field that types of one interface give differently is asked under other names. Apollo's executor loses 0, false and ""
 * then, so the corpus has none there (see rewrites.ts).
 */
const NEVER_EMPTY: ReadonlySet<string> = new Set(['mark']);

const TEXTS = [
  '',
  'a',
  'Ünï – cödé "quoted"',
  'constructor',
  'line\nbreak',
  '0',
  'null',
  'longer than the others',
];
const CODES = [undefined, 'NOT_FOUND', 'UNAUTHENTICATED', 'INVALID_GRAPHQL', 'INTERNAL_SERVER_ERROR'];

/** The identity of an object, which is the same in a subgraph that knows another key of it. */
function identityOfEntity(object: JsonObject): string {
  const { id, isbn, code, number, name, region } = object;
  if (id !== undefined) return toText(id);
  if (typeof isbn === 'string') return isbn.replace('isbn-', '');
  if (number !== undefined) return toText(number);
  if (isJsonObject(region)) return `${toText(name)}-${toText(region['code'])}`;
  return toText(code);
}

const toText = (value: unknown): string =>
  typeof value === 'string' ? value : String(JSON.stringify(value));

/** The members that follow from an entity's identity in every subgraph. */
const KEYS: Readonly<Record<string, (id: string) => JsonObject>> = {
  Book: (id) => ({ isbn: `isbn-${id}` }),
  Edition: (id) => ({ number: Number(id) || 1, book: { __typename: 'Book', id, isbn: `isbn-${id}` } }),
  City: (id) => ({ code: id }),
  Carrier: (id) => ({ name: `carrier ${id}`, region: { __typename: 'Region', code: `r${id}` } }),
};

const MEDIA = ['Disc', 'Tape'];

export function entity(typename: string, id: string): JsonObject {
  const type = typename === 'Media' ? (MEDIA[hashOf(id) % MEDIA.length] ?? 'Disc') : typename;
  return { __typename: type, id, ...KEYS[type]?.(id) };
}

/** Some entities are unknown to some subgraphs, and some cannot be read. */
export function resolveReference(
  subgraph: string,
  reference: JsonObject,
  { trouble }: Trouble,
): JsonObject | null {
  const typename = String(reference['__typename']);
  const id = identityOfEntity(reference);
  const hash = hashOf(`${subgraph} ${typename} ${id}`);
  if (hash % 7 === 0) return null;
  if (trouble > 0 && (hash + trouble) % 6 === 0) throw error(hash, `no ${typename} ${id}`);
  // An interface object stays what it is in a subgraph that does not know its types.
  return typename === 'Media' && subgraph === 'stock' ? reference : { ...entity(typename, id), ...reference };
}

/** Of an interface that is an entity the data say the type. */
export const resolveInterfaceReference = (reference: JsonObject): JsonObject =>
  entity(String(reference['__typename']), identityOfEntity(reference));

export const resolveMadeUpField: GraphQLFieldResolver<unknown, Trouble> = (
  source,
  args,
  { trouble },
  info,
) => {
  const object = isJsonObject(source) ? source : {};
  const { fieldName, parentType, returnType, schema } = info;
  const known = Object.hasOwn(object, fieldName) ? object[fieldName] : undefined;
  if (known !== undefined && !isRequiring(info)) return known;
  const identity = `${parentType.name} ${identityOfEntity(object)}`;
  const required = isRequiring(info) ? JSON.stringify(object) : '';
  const hash = hashOf(`${identity} ${fieldName} ${JSON.stringify(args)} ${required}`);
  if (trouble > 0 && (hash + trouble) % 11 === 0) throw error(hash, `${fieldName} of ${identity} failed`);
  return make({ type: returnType, hash, schema, fieldName, isRoot: !isJsonObject(source) });
};

const error = (hash: number, message: string): GraphQLError => {
  const code = CODES[hash % CODES.length];
  return new GraphQLError(message, { extensions: { ...(code && { code }), hint: hash % 3 } });
};

const isRequiring = ({ parentType, fieldName }: GraphQLResolveInfo): boolean =>
  parentType.getFields()[fieldName]?.astNode?.directives?.some(({ name }) => name.value === 'requires') ??
  false;

interface Making {
  readonly type: GraphQLOutputType;
  readonly hash: number;
  readonly schema: GraphQLSchema;
  readonly fieldName: string;
  readonly isRoot: boolean;
}

const NULLS_IN_100 = 12;

function make(making: Making): unknown {
  const { type, hash } = making;
  if (isNonNullType(type)) return makeValue({ ...making, type: type.ofType });
  return hash % 100 < NULLS_IN_100 ? null : makeValue(making);
}

function makeValue(making: Making): unknown {
  const { type, hash, schema } = making;
  const next = (index: number) => hashOf(`${hash} ${index}`);
  if (isNonNullType(type)) return makeValue({ ...making, type: type.ofType });
  if (isListType(type))
    return Array.from({ length: hash % 4 }, (_, index) =>
      make({ ...making, type: type.ofType, hash: next(index) }),
    );
  if (isLeafType(type)) return makeLeaf(type, making);
  if (isObjectType(type)) return entity(type.name, idFrom(hash));
  return makeAbstract(type, hash, schema);
}

const idFrom = (hash: number): string => String(1 + (hash % 9));

function makeAbstract(
  type: GraphQLInterfaceType | GraphQLUnionType,
  hash: number,
  schema: GraphQLSchema,
): JsonObject {
  if (type.name === 'Media') return entity('Media', idFrom(hash));
  const names = schema.getPossibleTypes(type).map(({ name }) => name);
  const name = names.toSorted()[hash % names.length] ?? type.name;
  return entity(name, idFrom(hash >>> 4));
}

function makeLeaf(type: GraphQLLeafType, { hash, fieldName }: Making): unknown {
  const some = NEVER_EMPTY.has(fieldName) ? 1 : 0;
  if (isEnumType(type)) return type.getValues()[hash % 2]?.value;
  if (type.name === 'Int') return some + (hash % 5) * 7;
  if (type.name === 'Float') return (hash % 400) / 8;
  if (type.name === 'Boolean') return hash % 2 === 0;
  if (type.name === 'Money') return `${hash % 1000}.50`;
  if (type.name === 'DateTime') return '2026-11-23T08:15:30.000Z';
  if (type.name === 'Json') return { list: [1, null, { a: hash % 3 }], text: 'x' };
  if (type.name === 'ID') return idFrom(hash);
  return TEXTS[some + (hash % (TEXTS.length - some))];
}
