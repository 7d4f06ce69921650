/**
 * SQL statements that declare their parameters and columns. TypeScript derives the types of arguments and rows from them, and a
 * test compares them with the migrated database (testing-sql.ts). The type of a row is declared in no other place.
 *
 * How to declare a table's columns: once, beside its statements, with every field of its Prisma model.
 *
 *     export const ACCOUNT = {
 *       id: integer,
 *       username: text,
 *       role: enumeration('users.role', Role),
 *       lastLoginAt: nullable(timestamptz),
 *     } satisfies ColumnsOf<User>;
 *     export type Account = RowOf<typeof ACCOUNT>;
 *
 * Take part of a row by a rest (`const { passwordHash, ...PUBLIC } = ACCOUNT`), and add to a row by a spread
 * (`{ ...ACCOUNT, isDemoted: … }`).
 *
 * How to declare a statement:
 *
 *     const selectByName = statement({
 *       name: 'users_account_by_username',
 *       text: `SELECT ${selectList(ACCOUNT, 'u')} FROM users.users u WHERE lower(u.username) = lower($username)`,
 *       parameters: { username: text },
 *       row: ACCOUNT,
 *     });
 *     const [account] = await selectByName(pool, { username });
 *
 * 1. Parameters are `$named`. Declare the type that PostgreSQL infers: `LIMIT $max` takes a bigint,
 *    `$days * interval '1 day'` a double precision, `ANY ($ids::int[])` an `arrayOf(integer)`. Where the test reports
 *    another type than you want, cast in the text.
 * 2. Declare a parameter that may be null as `nullable(…)`: PostgreSQL does not know it.
 * 3. A column of a table is never null if the table says so, also through a CTE, a subquery or RETURNING. All else may be
 *    null: an expression, a column of a view, every column of a statement with an outer join, GROUPING SETS, MERGE,
 *    `old.` or `new.`. It is `nullable(…)`, or `notNull(…, 'the reason why it never is')`.
 * 4. A statement that returns no columns has `row: {}`. A function that returns void has a column of type `voidType`.
 * 5. A statement of several shapes is declared once for each shape when its module is loaded, so that the test sees them
 *    all. Declare the parameters of only some shapes under `optional`: an argument may be undefined unless the text uses it.
 *    `queryOf` returns the text and values, for EXPLAIN.
 * 6. pg cannot read arrays of an enumeration: cast them to text[].
 *
 * How to check a service: a test imports its server.ts (and the imports of its other programs), and with it every module that
 * declares statements. With the service's own role on a migrated database it expects:
 *
 *     expect(await errorsOf(pool, declaredStatements())).toEqual([]);
 */
import type pg from 'pg';
import { traceCall } from '../observability/tracing.ts';
import { type Queryable, SQL } from './database.ts';
import { type ArgumentsOf, ROW_TYPES, type RowOf, type SqlTypes } from './sql-types.ts';

export * from './sql-types.ts';

/** A statement, which PostgreSQL parses and plans once for each connection. Returns the rows. */
export interface Statement<Arguments, Row> {
  (db: Queryable, args: Arguments): Promise<Row[]>;
  /** The text and values that are sent. */
  queryOf(args: Arguments): pg.QueryConfig;
}

export interface DeclaredStatement {
  readonly name: string;
  /** SQL with `$1`, `$2`, … for the parameters, in their order. */
  readonly text: string;
  readonly parameters: SqlTypes;
  readonly row: SqlTypes;
}

export interface StatementOptions<
  Parameters extends SqlTypes,
  Row extends SqlTypes,
  Optional extends SqlTypes = Record<never, never>,
> {
  /** Unique in the process; shown in pg_prepared_statements and, as `sql name`, in traces. */
  readonly name: string;
  /** SQL with `$name` for each of the parameters. */
  readonly text: string;
  readonly parameters: Parameters;
  /** Parameters that the text may leave out. */
  readonly optional?: Optional;
  readonly row: Row;
}

type OptionalArgumentsOf<Optional extends SqlTypes> = {
  readonly [Name in keyof Optional]: ArgumentsOf<Optional>[Name] | undefined;
};

const declared = new Map<string, DeclaredStatement>();

/** Every statement of the loaded modules. */
export const declaredStatements = (): readonly DeclaredStatement[] => [...declared.values()];

/**
 * Declares a statement.
 * @throws {Error} for an unusable name, or when text and parameters do not have the same names
 */
export function statement<
  const Parameters extends SqlTypes,
  const Row extends SqlTypes,
  const Optional extends SqlTypes = Record<never, never>,
>({
  name,
  text: namedText,
  parameters: required,
  optional,
  row,
}: StatementOptions<Parameters, Row, Optional>): Statement<
  ArgumentsOf<Parameters> & OptionalArgumentsOf<Optional>,
  RowOf<Row>
> {
  type Arguments = ArgumentsOf<Parameters> & OptionalArgumentsOf<Optional>;
  const parameters: SqlTypes = { ...required, ...pickUsed(namedText, optional) };
  const names = Object.keys(parameters);
  const text = numberParameters(name, namedText, names);
  checkRow(name, row);
  declare({ name, text, parameters, row });

  const spanName = `sql ${name}`;
  const queryOf = (args: Arguments): pg.QueryConfig => ({
    name,
    text,
    values: valuesOf(name, args, names),
    types: ROW_TYPES,
  });
  const run = async (db: Queryable, args: Arguments): Promise<RowOf<Row>[]> =>
    (await traceCall(spanName, SQL, () => db.query<RowOf<Row>>(queryOf(args)))).rows;
  return Object.assign(run, { queryOf });
}

const PARAMETER = /\$(\w*)/g;

const pickUsed = (text: string, optional: SqlTypes = {}): SqlTypes => {
  const used = new Set(text.match(PARAMETER));
  return Object.fromEntries(Object.entries(optional).filter(([name]) => used.has(`$${name}`)));
};

function valuesOf(
  statement: string,
  args: Readonly<Record<string, unknown>>,
  names: readonly string[],
): unknown[] {
  return names.map((name) => {
    const value = args[name];
    // pg would send NULL for undefined.
    if (value === undefined) throw new Error(`${statement}: expected a value for $${name}, got undefined`);
    return value;
  });
}

/** PostgreSQL truncates longer names. */
const MAX_NAME_LENGTH = 63;

function declare(statement: DeclaredStatement): void {
  const { name } = statement;
  if (!/^[a-z]\w*$/i.test(name) || name.length > MAX_NAME_LENGTH)
    throw new Error(`the name of a statement is 1 to ${MAX_NAME_LENGTH} letters, digits and _, got ${name}`);
  if (declared.has(name)) throw new Error(`two statements are named ${name}`);
  declared.set(name, statement);
}

/** Replaces each `$name` by `$1`, `$2`, … A statement may have no other dollar signs, so quote strings by '. */
function numberParameters(statement: string, text: string, names: readonly string[]): string {
  const unused = new Set(names);
  const result = text.replaceAll(PARAMETER, (written, name: string) => {
    if (!names.includes(name)) throw new Error(`${statement}: ${written} is none of its parameters`);
    unused.delete(name);
    return `$${names.indexOf(name) + 1}`;
  });
  if (unused.size > 0) throw new Error(`${statement}: its text lacks $${[...unused].join(', $')}`);
  return result;
}

/** pg reads an enumeration as text, but an array of one not as an array. */
function checkRow(statement: string, row: SqlTypes): void {
  for (const [column, { names, labels }] of Object.entries(row))
    if (labels && names.some((name) => name.endsWith('[]')))
      throw new Error(`${statement}: "${column}" is an array of an enumeration, cast it to text[]`);
}

/** The name of a column in the database, by its name in TypeScript. */
export const snakeCase = (name: string): string =>
  name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/**
 * Writes the SELECT list of `columns`, whose names in the database are in snake case: `u.id, u.created_at AS "createdAt"`.
 * @param alias of the table; without it the columns have no prefix
 */
export function selectList(columns: SqlTypes, alias?: string): string {
  const prefix = alias === undefined ? '' : `${alias}.`;
  return Object.keys(columns)
    .map((name) => {
      const column = snakeCase(name);
      return column === name ? `${prefix}${column}` : `${prefix}${column} AS "${name}"`;
    })
    .join(', ');
}
