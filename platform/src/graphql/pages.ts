// Keyset pages as Relay cursor connections (https://relay.dev/graphql/connections.htm). Never OFFSET, never a count.
import { z } from 'zod';
import { badInput } from '../errors.ts';
import { parseOrderId } from '../ids.ts';

/** The longest page. */
export const MAX_PAGE = 100;
const DEFAULT_PAGE = 20;

/** The page size that the caller requests. @throws {AppError} BAD_USER_INPUT unless it is 1 to 100 */
export function pageSize(first: number | null | undefined): number {
  const size = first ?? DEFAULT_PAGE;
  if (Number.isInteger(size) && size >= 1 && size <= MAX_PAGE) return size;
  throw badInput('first', `expected 1 to ${MAX_PAGE}, got ${size}`);
}

/** Makes an opaque cursor of the name of a list and the sort key after which the list continues. */
export function encodeCursor(list: string, key: readonly string[]): string {
  return Buffer.from(JSON.stringify([list, ...key])).toString('base64url');
}

/**
 * Reads the sort key of a cursor. The key ends with an id, of any kind.
 * @throws {AppError} BAD_USER_INPUT unless it is a cursor of that list
 */
export function decodeCursor(list: string, length: number, cursor: string): string[] {
  const parts = z
    .array(z.string())
    .length(length + 1)
    .safeParse(parseCursor(cursor));
  const id = parts.data?.at(-1);
  const isOfList = parts.success && parts.data[0] === list;
  if (isOfList && id !== undefined && parseOrderId(id) !== undefined) return parts.data.slice(1);
  throw badInput(
    'after',
    `expected a cursor from a page of this list, got ${JSON.stringify(cursor.slice(0, 40))}`,
  );
}

function parseCursor(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
}

export interface Connection<Node> {
  readonly edges: { readonly node: Node; readonly cursor: string }[];
  readonly pageInfo: {
    readonly hasNextPage: boolean;
    readonly hasPreviousPage: boolean;
    readonly startCursor: string | null;
    readonly endCursor: string | null;
  };
}

/** Makes a page of `size` out of up to `size` + 1 rows. The last row says whether there is a next page. */
export function toConnection<Node>(
  rows: readonly Node[],
  size: number,
  after: string | null | undefined,
  cursorOf: (node: Node) => string,
): Connection<Node> {
  const edges = rows.slice(0, size).map((node) => ({ node, cursor: cursorOf(node) }));
  return {
    edges,
    pageInfo: {
      hasNextPage: rows.length > size,
      hasPreviousPage: after != null,
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  };
}
