// Writes rows by COPY, which is many times faster than INSERT.
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';

export type Value = string | number | Date | Buffer | null;

/** `columns` is a list in SQL. */
export type TableRows = { readonly table: string; readonly columns: string; readonly rows: Value[][] };

/** A decimal number of cents. */
export const formatMoney = (cents: number): string => (cents / 100).toFixed(2);

const ROWS_IN_A_CHUNK = 500;

/** Writes the rows in their order. */
export async function copyRows(client: pg.Client, { table, columns, rows }: TableRows): Promise<void> {
  if (rows.length === 0) return;
  await pipeline(
    Readable.from(splitIntoChunks(rows)),
    client.query(copyFrom(`COPY ${table} (${columns}) FROM STDIN`)),
  );
}

function* splitIntoChunks(rows: readonly Value[][]): Generator<string> {
  for (let start = 0; start < rows.length; start += ROWS_IN_A_CHUNK)
    yield rows
      .slice(start, start + ROWS_IN_A_CHUNK)
      .map((row) => `${row.map(formatField).join('\t')}\n`)
      .join('');
}

/** A value in COPY's text format. */
function formatField(value: Value): string {
  if (value === null) return '\\N';
  if (typeof value === 'number') return String(value);
  if (value instanceof Date) return value.toISOString();
  if (Buffer.isBuffer(value)) return `\\\\x${value.toString('hex')}`;
  return value.replace(/[\\\t\n\r]/g, (sign) => ESCAPED[sign] ?? sign);
}

const ESCAPED: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };
