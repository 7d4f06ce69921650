// `GET /`: where everything is, as HTML for browsers and as JSON for everybody else.
import type { HttpRequest, Reply } from '@holdfast/platform/http';
import { escapeHtml, htmlPage } from './html.ts';

const LINKS = {
  graphql: ['/graphql', 'GraphQL over HTTP; with a browser, the explorer'],
  docs: ['/docs', 'The REST API'],
  openapi: ['/openapi.json', 'The REST API for programs, OpenAPI 3.1'],
  products: ['/products', 'The catalogue'],
  keys: ['/.well-known/jwks.json', 'The keys that access tokens are signed with'],
} as const satisfies Record<string, readonly [path: string, what: string]>;

const rows = Object.values(LINKS).map(
  ([path, what]) => `<tr><td><a href="${path}">${path}</a></td><td>${escapeHtml(what)}</td></tr>`,
);
const page = htmlPage('holdfast', `<h1>holdfast</h1><table>${rows.join('')}</table>`);

const VARY = { vary: 'accept' };

const html: Reply = { ...page, headers: { ...page.headers, ...VARY } };
const json: Reply = {
  status: 200,
  headers: { 'content-type': 'application/json', 'cache-control': 'no-cache', ...VARY },
  body: JSON.stringify({
    name: 'holdfast',
    ...Object.fromEntries(Object.entries(LINKS).map(([name, [path]]) => [name, path])),
  }),
};

export const indexPage = ({ headers }: HttpRequest): Reply =>
  headers.accept?.includes('text/html') ? html : json;
