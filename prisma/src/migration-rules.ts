// The rules of a migration, which keep the shop open while it runs. They do not apply to the first migration, which runs in an empty
// database.

const COMMENT_OR_TEXT = /--.*|\/\*[\s\S]*?\*\/|'(?:[^']|'')*'|\$(\w*)\$[\s\S]*?\$\1\$/g;
const CREATE_TABLE = /\bCREATE\s+TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?([\w".]+)/gi;
const CREATE_INDEX =
  /\bCREATE\s+(?:UNIQUE\s+)?INDEX\s+(CONCURRENTLY\s+)?(?:IF\s+NOT\s+EXISTS\s+)?(?:(?!ON\b)([\w"]+)\s+)?ON\s+(?:ONLY\s+)?([\w".]+)/gi;
const ADDED_INDEX =
  /\bALTER\s+TABLE\s+(?:IF\s+EXISTS\s+)?(?:ONLY\s+)?([\w".]+)[^;]*?\bADD\s+(?:CONSTRAINT\s+[\w"]+\s+)?(UNIQUE|PRIMARY\s+KEY|EXCLUDE)\b(?!\s+USING\s+INDEX)/gi;
const REINDEX = /\bREINDEX\b(?![^;]*\bCONCURRENTLY\b)/i;
const CONCURRENT = /\b(?:INDEX|REINDEX\s+\w+)\s+CONCURRENTLY\b/i;
const TIMEOUT = /\bSET\s+(?:LOCAL\s+|SESSION\s+)?((?:lock|statement)_timeout)\b/gi;

/** An index that a script creates, with its table. The name is '' when PostgreSQL chooses it. */
export interface CreatedIndex {
  readonly concurrently: boolean;
  readonly index: string;
  readonly table: string;
}

/** The indexes that a script creates. */
export const indexesIn = (script: string): CreatedIndex[] =>
  [...statementsOf(script).matchAll(CREATE_INDEX)].map(([, concurrently, index = '', table = '']) => ({
    concurrently: concurrently !== undefined,
    index: nameOf(index),
    table: nameOf(table),
  }));

/** One line for each rule that the script of a migration breaks. */
export function migrationErrors(script: string): string[] {
  const sql = statementsOf(script);
  const created = tablesIn(sql);
  const indexes = indexesIn(script);
  const statements = sql.split(';').filter((statement) => statement.trim() !== '');
  return [
    ...indexes
      .filter(({ concurrently, table }) => !concurrently && !created.has(table))
      .map(
        ({ index, table }) =>
          `CREATE INDEX ${index} stops every write to ${table} while it is built: write CREATE INDEX CONCURRENTLY`,
      ),
    ...[...sql.matchAll(ADDED_INDEX)]
      .filter(([, table = '']) => !created.has(nameOf(table)))
      .map(
        ([, table = '', kind]) =>
          `ADD ${kind} builds its index while no statement can use ${nameOf(table)}: CREATE UNIQUE INDEX CONCURRENTLY first, then USING INDEX`,
      ),
    ...(REINDEX.test(sql) ? ['REINDEX stops every write to its table: write REINDEX … CONCURRENTLY'] : []),
    ...(isConcurrent(script) && statements.length > 1
      ? ['CONCURRENTLY runs outside a transaction: it must be in the only statement of its migration']
      : []),
    ...[...sql.matchAll(TIMEOUT)].map(
      ([, name]) => `the migrator sets ${name} and repeats the script: a migration must not set it`,
    ),
  ];
}

/** Whether PostgreSQL runs the script only outside a transaction. */
export const isConcurrent = (script: string): boolean => CONCURRENT.test(statementsOf(script));

/** The script without comments and without the content of its string literals. */
const statementsOf = (script: string): string =>
  script.replace(COMMENT_OR_TEXT, (text) => (/^(--|\/\*)/.test(text) ? ' ' : "''"));

const tablesIn = (sql: string): Set<string> =>
  new Set([...sql.matchAll(CREATE_TABLE)].map(([, table = '']) => nameOf(table)));

/**
 * Splits a script of Prisma into the scripts of several migrations, in their order. The first has all changes except the indexes on
 * tables that existed before. Each of those is built by its own migration, which does not stop the writers of the table.
 */
export function splitScript(script: string): { name: string | undefined; sql: string }[] {
  const created = tablesIn(script);
  const rest: string[] = [];
  const indexes: { name: string; sql: string }[] = [];
  for (const piece of script.trim().split(/\n\n+/)) {
    const [index] = indexesIn(piece);
    if (index === undefined || created.has(index.table)) rest.push(piece);
    else indexes.push({ name: index.index, sql: piece.replace(/\bINDEX\b/, 'INDEX CONCURRENTLY') });
  }
  return [...(rest.length > 0 ? [{ name: undefined, sql: rest.join('\n\n') }] : []), ...indexes];
}

const nameOf = (identifier: string): string => identifier.replaceAll('"', '');
