// `GET /` for programs: the paths of the API. Browsers receive the page `home`.
import type { Reply } from '@holdfast/platform/http/server';

const LINKS = {
  graphql: '/graphql',
  explorer: '/explorer',
  docs: '/docs',
  openapi: '/openapi.json',
  console: '/console',
  products: '/products',
  status: '/status',
  keys: '/.well-known/jwks.json',
};

/** @param hasExplorer whether there is an explorer */
export const indexReply = (hasExplorer: boolean): Reply => ({
  status: 200,
  headers: { 'content-type': 'application/json', 'cache-control': 'no-cache' },
  // JSON.stringify leaves out members that are undefined.
  body: JSON.stringify({ name: 'holdfast', ...LINKS, explorer: hasExplorer ? LINKS.explorer : undefined }),
});
