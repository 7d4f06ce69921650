// Ids: numbers from a sequence in PostgreSQL and in the code, decimal strings in GraphQL (ID) and in tokens (`sub`).
// Only this file parses them. A text that can be no id is answered as "not found".

/** The largest INTEGER, the type of the ids of users and products. */
export const MAX_ID = 2_147_483_647;
const DECIMAL = /^[1-9]\d{0,15}$/;

/** The id of a user or a product; undefined when the text cannot be one. */
export const parseId = (text: string): number | undefined => parseUpTo(MAX_ID, text);

/** The id of an order, which is a BIGINT; undefined when the text cannot be one. Numbers end at 2^53 - 1, as JSON's do. */
export const parseOrderId = (text: string): number | undefined => parseUpTo(Number.MAX_SAFE_INTEGER, text);

function parseUpTo(max: number, text: string): number | undefined {
  if (!DECIMAL.test(text)) return undefined;
  const id = Number(text);
  return id <= max ? id : undefined;
}

/** The rows in the order of `ids`; null for an id without a row. */
export function inOrderOf<Row extends { readonly id: number }>(
  ids: readonly number[],
  rows: readonly Row[],
): (Row | null)[] {
  const byId = new Map(rows.map((row) => [row.id, row]));
  return ids.map((id) => byId.get(id) ?? null);
}
