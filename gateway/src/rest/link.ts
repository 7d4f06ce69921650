// The link to the next page: the `Link` field (RFC 8288).
import type { NextPageFragment } from '../generated/operations.ts';

/**
 * `{ link: '</products?limit=20&cursor=…>; rel="next"' }`: the same list with all parameters of this page except the cursor.
 * An empty object on the last page.
 */
export function nextPageLink(
  path: string,
  query: string,
  { hasNextPage, endCursor }: NextPageFragment,
): { readonly link?: string } {
  if (!hasNextPage || endCursor === null) return {};
  const parameters = new URLSearchParams(query);
  parameters.set('cursor', endCursor);
  return { link: `<${path}?${parameters}>; rel="next"` };
}
