// For tests: compares the declarations of statements (sql.ts) with PostgreSQL's description. Each statement is parsed and described,
// as a driver does before the first run, and never run.
import pg from 'pg';
import type { DeclaredStatement, SqlType } from './sql.ts';

/**
 * Lists every difference, each with the name of its statement.
 * @param pool of the role that runs the statements, on a migrated database
 * @throws {Error} when no statement is declared, because then their modules were not loaded
 */
export async function errorsOf(
  pool: pg.Pool,
  statements: readonly DeclaredStatement[],
): Promise<readonly string[]> {
  if (statements.length === 0) throw new Error('no statements are declared: import what declares them');
  const client = await pool.connect();
  try {
    const session: Session = { client, types: new Map(), guarantees: new Map() };
    const errors: string[] = [];
    for (const statement of statements)
      for (const error of await errorsOfOne(session, statement)) errors.push(`${statement.name}: ${error}`);
    return errors;
  } finally {
    client.release();
  }
}

/** A connection, with what it has read in the catalog of PostgreSQL. */
interface Session {
  readonly client: pg.ClientBase;
  readonly types: Map<number | undefined, ActualType>;
  readonly guarantees: Map<string, Guarantee>;
}

async function errorsOfOne(session: Session, statement: DeclaredStatement): Promise<string[]> {
  let described: Description;
  try {
    described = await describe(session.client, statement.text);
  } catch (error) {
    if (error instanceof pg.DatabaseError) return [`PostgreSQL refuses it: ${error.message}`];
    throw error;
  }
  return [
    ...(await parameterErrors(session, statement, described.parameters)),
    ...(await columnErrors(session, statement, described.fields)),
  ];
}

interface Description {
  /** OIDs of the types. */
  readonly parameters: readonly number[];
  readonly fields: readonly pg.FieldDef[];
}

/** Parse and Describe of PostgreSQL's protocol, for which pg has no call. */
function describe(client: pg.ClientBase, text: string): Promise<Description> {
  const { promise, resolve, reject } = Promise.withResolvers<Description>();
  let parameters: readonly number[] = [];
  let fields: readonly pg.FieldDef[] = [];
  const learn = ({ dataTypeIDs }: { dataTypeIDs: readonly number[] }): void => {
    parameters = dataTypeIDs;
  };
  let leave = (): void => undefined;
  client.query({
    submit(connection: pg.Connection) {
      connection.on('parameterDescription', learn);
      leave = () => connection.off('parameterDescription', learn);
      connection.parse({ name: '', text, types: [] }, true);
      connection.describe({ type: 'S', name: '' }, true);
      connection.sync();
    },
    handleRowDescription(message: { fields: readonly pg.FieldDef[] }) {
      fields = message.fields;
    },
    handleError(error: Error) {
      leave();
      reject(error);
    },
    handleReadyForQuery() {
      leave();
      resolve({ parameters, fields });
    },
  });
  return promise;
}

async function parameterErrors(
  session: Session,
  statement: DeclaredStatement,
  actual: readonly number[],
): Promise<string[]> {
  const declared = Object.entries(statement.parameters);
  if (declared.length !== actual.length)
    return [`${declared.length} parameters are declared, PostgreSQL takes ${actual.length}`];
  const errors: string[] = [];
  for (const [index, [name, type]] of declared.entries()) {
    const error = typeError(type, await typeOf(session, actual[index]));
    if (error !== undefined) errors.push(`parameter $${name} ${error}`);
  }
  return errors;
}

async function columnErrors(
  session: Session,
  statement: DeclaredStatement,
  fields: readonly pg.FieldDef[],
): Promise<string[]> {
  const missing = new Map(Object.entries(statement.row));
  const met = new Set<string>();
  const errors: string[] = [];
  for (const field of fields) {
    const { name } = field;
    const type = missing.get(name);
    missing.delete(name);
    if (met.has(name)) errors.push(`column "${name}" comes twice`);
    else if (type === undefined) errors.push(`column "${name}" is not declared`);
    else {
      const differences = [
        typeError(type, await typeOf(session, field.dataTypeID)),
        nullError(type, await guaranteeOf(session, statement.text, field)),
      ];
      for (const error of differences) if (error !== undefined) errors.push(`column "${name}" ${error}`);
    }
    met.add(name);
  }
  for (const name of missing.keys()) errors.push(`column "${name}" is declared, PostgreSQL returns none`);
  return errors;
}

interface ActualType {
  readonly name: string;
  readonly labels: readonly string[];
}

interface CatalogType extends ActualType {
  /** The OID of the type below a domain, or 0. */
  readonly base: number;
  /** The OID of the type of an array's elements, or 0. */
  readonly element: number;
}

/** The type of an OID. For a domain: the type below it, because values are written as that. */
async function typeOf(session: Session, oid: number | undefined): Promise<ActualType> {
  const known = session.types.get(oid) ?? (await readType(session, oid));
  session.types.set(oid, known);
  return known;
}

async function readType(session: Session, oid: number | undefined): Promise<ActualType> {
  const { rows } = await session.client.query<CatalogType>(
    `SELECT format_type(oid, NULL) AS name, typbasetype AS base,
            CASE WHEN typcategory = 'A' THEN typelem ELSE 0::oid END AS element,
            ARRAY(SELECT enumlabel::text FROM pg_enum WHERE enumtypid = pg_type.oid ORDER BY enumsortorder) AS labels
       FROM pg_type WHERE oid = $1`,
    [oid],
  );
  const [type] = rows;
  if (type === undefined) throw new Error(`PostgreSQL describes a type that it does not have: ${oid}`);
  if (type.base !== 0) return typeOf(session, type.base);
  if (type.element === 0) return type;
  const element = await typeOf(session, type.element);
  return { name: `${element.name}[]`, labels: element.labels };
}

function typeError({ names, labels = [] }: SqlType, actual: ActualType): string | undefined {
  if (!names.includes(actual.name)) return `is declared ${names[0]}, PostgreSQL has ${actual.name}`;
  const differ = [
    ...labels.filter((label) => !actual.labels.includes(label)),
    ...actual.labels.filter((label) => !labels.includes(label)),
  ];
  return differ.length > 0
    ? `has other labels in PostgreSQL, which differ by ${differ.join(', ')}`
    : undefined;
}

/** PostgreSQL's guarantee about NULL in a column of the result. */
type Guarantee = 'a column that is never null' | 'a column that may be null' | 'not known';

/**
 * Clauses after which a column of the result may be null although the column of its table is not. RowDescription names the column
 * of the table in these cases too.
 */
const MORE_NULLS =
  /\b(left|right|full)\s+(outer\s+)?join\b|\b(rollup|cube|grouping\s+sets)\b|\b(old|new)\.|\bmerge\b/i;

async function guaranteeOf(session: Session, text: string, field: pg.FieldDef): Promise<Guarantee> {
  if (field.tableID === 0 || MORE_NULLS.test(text)) return 'not known';
  const column = `${field.tableID} ${field.columnID}`;
  const known = session.guarantees.get(column);
  if (known !== undefined) return known;
  const { rows } = await session.client.query<{ isNotNull: boolean }>(
    `SELECT attnotnull OR typnotnull AS "isNotNull"
       FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid WHERE attrelid = $1 AND attnum = $2`,
    [field.tableID, field.columnID],
  );
  const guarantee = rows[0]?.isNotNull ? 'a column that is never null' : 'a column that may be null';
  session.guarantees.set(column, guarantee);
  return guarantee;
}

function nullError({ isNullable, notNullReason }: SqlType, guarantee: Guarantee): string | undefined {
  if (guarantee === 'a column that is never null') {
    if (isNullable) return `is declared nullable, and is ${guarantee}`;
    return notNullReason === undefined
      ? undefined
      : `is declared notNull with a reason, and is ${guarantee} anyway`;
  }
  if (isNullable || notNullReason !== undefined) return undefined;
  return guarantee === 'not known'
    ? 'may be null as far as PostgreSQL says: declare it nullable, or notNull with the reason'
    : 'is declared not null, and is a column that may be null';
}
