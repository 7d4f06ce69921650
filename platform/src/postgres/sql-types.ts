// Types of PostgreSQL as values, by which a statement (sql.ts) declares its parameters and columns. TypeScript derives the types of
// arguments and rows from them, and a test compares them with PostgreSQL (testing-sql.ts).
import pg from 'pg';

declare const OUT: unique symbol;
declare const IN: unique symbol;

/** A type at run time. */
export interface SqlType {
  /** The accepted names, as PostgreSQL's `format_type` writes them. */
  readonly names: readonly string[];
  readonly isNullable: boolean;
  /** The labels of an enumeration. */
  readonly labels?: readonly string[];
  /** Why an expression, or a nullable column, is never NULL here. */
  readonly notNullReason?: string;
}

/** A value of the type is read as `Out`. The type parameter is invariant: `string` and `string | null` do not match. */
export interface ReadAs<Out> {
  readonly [OUT]?: (value: Out) => Out;
}

/** A parameter of the type is passed as `In`. */
export interface GivenAs<In> {
  readonly [IN]?: (value: In) => void;
}

export interface TypeOf<Out, In = Out> extends SqlType, ReadAs<Out>, GivenAs<In> {}

/** The types of some columns or parameters, by their name in TypeScript. */
export type SqlTypes = Readonly<Record<string, SqlType>>;

export type RowOf<Columns extends SqlTypes> = {
  readonly [Name in keyof Columns]: Columns[Name] extends ReadAs<infer Out> ? Out : never;
};

export type ArgumentsOf<Parameters extends SqlTypes> = {
  readonly [Name in keyof Parameters]: Parameters[Name] extends GivenAs<infer In> ? In : never;
};

const createType = <Out, In = Out>(...names: string[]): TypeOf<Out, In> => ({ names, isNullable: false });

export const integer = createType<number>('integer');
/** Read as a number. Reading a value that a number cannot hold exactly is an error. */
export const bigint = createType<number>('bigint');
export const text = createType<string>('text', 'character varying');
/** Text for which a CHECK constraint allows some values only. PostgreSQL does not describe these, so a test must compare them. */
export const textOf = <Value extends string>(): TypeOf<Value> => createType<Value>(...text.names);
/** A decimal string. */
export const numeric = createType<string>('numeric');
export const timestamptz = createType<Date>('timestamp with time zone');
export const bytea = createType<Buffer, Uint8Array>('bytea');
export const boolean = createType<boolean>('boolean');
export const doublePrecision = createType<number>('double precision');
/** The type `void` of functions such as pg_notify. */
export const voidType: TypeOf<unknown, never> = { names: ['void'], isNullable: true };

/**
 * @param name with its schema: "users.role"
 * @param labels Prisma's enum, or any record whose values are the labels
 */
export const enumeration = <const Labels extends Readonly<Record<string, string>>>(
  name: string,
  labels: Labels,
): TypeOf<Labels[keyof Labels]> => ({
  ...createType<Labels[keyof Labels]>(name),
  labels: Object.values(labels),
});

export const nullable = <Out, In>(type: TypeOf<Out, In>): TypeOf<Out | null, In | null> => ({
  names: type.names,
  isNullable: true,
  ...(type.labels && { labels: type.labels }),
});

/** The elements are not null, unless the type of the element is nullable. */
export const arrayOf = <Out, In>(element: TypeOf<Out, In>): TypeOf<Out[], readonly In[]> => ({
  names: element.names.map((name) => `${name}[]`),
  isNullable: false,
  ...(element.labels && { labels: element.labels }),
});

/**
 * For a column that PostgreSQL does not guarantee to be not null, such as `count(*)`.
 * @param reason for the reader: why it is never null
 */
export const notNull = <Out, In>(type: TypeOf<Out, In>, reason: string): TypeOf<Out, In> => ({
  ...type,
  notNullReason: reason,
});

/** Recognises Prisma's Decimal by a member that no other type has. */
interface DecimalLike {
  toDecimalPlaces(): unknown;
}

/** The type as which a statement reads a field of a Prisma model. */
type Read<Field> = Field extends DecimalLike
  ? string
  : Field extends bigint
    ? number
    : Field extends Uint8Array
      ? Buffer
      : Field;

/**
 * The columns of the table of a Prisma model. `{ … } satisfies ColumnsOf<Product>` does not compile while a field is missing, is
 * not in the model, or has another type or nullability.
 * @typeParam Narrowed fields with a narrower type than Prisma's, which has no `textOf`
 */
export type ColumnsOf<Model, Narrowed extends Partial<Model> = Record<never, never>> = {
  readonly [Field in keyof Model]-?: SqlType &
    ReadAs<Field extends keyof Narrowed ? Narrowed[Field] : Read<Model[Field]>>;
};

function safeInteger(value: string): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw new RangeError(`expected a bigint that is exact as a number (at most 2^53 - 1), got ${value}`);
}

const TEXT_ARRAY: number = 1009;
const parseTexts: (value: string) => (string | null)[] = pg.types.getTypeParser(TEXT_ARRAY);

/** Parsers by the OID of a type, where pg's own read another type than declared here: bigint as text, numeric[] as floats. */
const PARSERS: ReadonlyMap<number, (value: string) => unknown> = new Map<number, (value: string) => unknown>([
  [20, safeInteger],
  [1016, (value) => parseTexts(value).map((element) => (element === null ? null : safeInteger(element)))],
  [1231, parseTexts],
]);

/** Makes pg read the values of rows as their types are declared. */
export const ROW_TYPES: pg.CustomTypesConfig = {
  getTypeParser: (oid, format) => PARSERS.get(oid) ?? pg.types.getTypeParser(oid, format),
};
