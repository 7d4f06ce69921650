// `GET /` for programs: where everything is. Browsers get the page `home`.
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
  // What is undefined is left out.
  body: JSON.stringify({ name: 'holdfast', ...LINKS, explorer: hasExplorer ? LINKS.explorer : undefined }),
});
