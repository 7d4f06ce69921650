// The way to the next page: the `Link` field (RFC 8288).

/** `</products?limit=20&cursor=…>; rel="next"`: the same list, with every parameter of this page but the cursor. */
export function nextPageLink(path: string, query: string, cursor: string): string {
  const parameters = new URLSearchParams(query);
  parameters.set('cursor', cursor);
  return `<${path}?${parameters}>; rel="next"`;
}
