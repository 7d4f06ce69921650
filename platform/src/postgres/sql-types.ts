// Types of PostgreSQL as values: what a statement (sql.ts) says of its parameters and columns, for TypeScript, which
// derives the types of arguments and rows from it, and for a test, which compares it with PostgreSQL (testing-sql.ts).
import pg from 'pg';

declare const OUT: unique symbol;
declare const IN: unique symbol;

/** What is known of a type when the program runs. */
export interface SqlType {
  /** As PostgreSQL's `format_type` writes it; any of these. */
  readonly names: readonly string[];
  readonly isNullable: boolean;
  /** The labels of an enumeration. */
  readonly labels?: readonly string[];
  /** Why an expression, or a column that may hold NULL, is never NULL here. */
  readonly notNullReason?: string;
}

/** A value of it is read as `Out`. Invariant: neither `string` nor `string | null` passes for the other. */
export interface ReadAs<Out> {
  readonly [OUT]?: (value: Out) => Out;
}

/** A parameter of it is given as `In`. */
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

const named = <Out, In = Out>(...names: string[]): TypeOf<Out, In> => ({ names, isNullable: false });

export const integer = named<number>('integer');
/** A number: what is too large to be one exactly is an error when it is read. */
export const bigint = named<number>('bigint');
export const text = named<string>('text', 'character varying');
/** Text of which a CHECK constraint allows some values only. PostgreSQL does not describe those, so a test has to compare them. */
export const textOf = <Value extends string>(): TypeOf<Value> => named<Value>(...text.names);
/** A decimal string. */
export const numeric = named<string>('numeric');
export const timestamptz = named<Date>('timestamp with time zone');
export const bytea = named<Buffer, Uint8Array>('bytea');
export const boolean = named<boolean>('boolean');
export const doublePrecision = named<number>('double precision');
/** What a function returns that returns nothing, such as pg_notify. */
export const nothing: TypeOf<unknown, never> = { names: ['void'], isNullable: true };

/**
 * @param name with its schema: "users.role"
 * @param labels Prisma's enum, or any record whose values are the labels
 */
export const enumeration = <const Labels extends Readonly<Record<string, string>>>(
  name: string,
  labels: Labels,
): TypeOf<Labels[keyof Labels]> => ({ ...named<Labels[keyof Labels]>(name), labels: Object.values(labels) });

export const nullable = <Out, In>(type: TypeOf<Out, In>): TypeOf<Out | null, In | null> => ({
  names: type.names,
  isNullable: true,
  ...(type.labels && { labels: type.labels }),
});

/** Elements are taken for not null, unless the type of the element is nullable. */
export const arrayOf = <Out, In>(element: TypeOf<Out, In>): TypeOf<Out[], readonly In[]> => ({
  names: element.names.map((name) => `${name}[]`),
  isNullable: false,
  ...(element.labels && { labels: element.labels }),
});

/**
 * For a column of a result that PostgreSQL does not guarantee to be not null, such as `count(*)`.
 * @param reason for the reader: why it never is
 */
export const notNull = <Out, In>(type: TypeOf<Out, In>, reason: string): TypeOf<Out, In> => ({
  ...type,
  notNullReason: reason,
});

/** What only Prisma's Decimal has. */
interface DecimalLike {
  toDecimalPlaces(): unknown;
}

/** A field of a Prisma model as a statement reads it. */
type Read<Field> = Field extends DecimalLike
  ? string
  : Field extends bigint
    ? number
    : Field extends Uint8Array
      ? Buffer
      : Field;

/**
 * The columns of the table behind a Prisma model. `{ … } satisfies ColumnsOf<Product>` does not compile while a field is
 * missing, is none of the model's, or has another type or nullability.
 * @typeParam Narrowed the fields that are read as less than Prisma's type, which knows no `textOf`
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

/** Where pg reads otherwise than declared here: bigint as text, numeric[] as floats. By the OID of the type. */
const PARSERS: ReadonlyMap<number, (value: string) => unknown> = new Map<number, (value: string) => unknown>([
  [20, safeInteger],
  [1016, (value) => parseTexts(value).map((element) => (element === null ? null : safeInteger(element)))],
  [1231, parseTexts],
]);

/** Reads the values of rows as their types are declared. */
export const ROW_TYPES: pg.CustomTypesConfig = {
  getTypeParser: (oid, format) => PARSERS.get(oid) ?? pg.types.getTypeParser(oid, format),
};
