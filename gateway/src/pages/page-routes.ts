// The pages for browsers: which path shows which page of web/dist, with which Content-Security-Policy.
import type { HttpRequest, Reply } from '@holdfast/platform/http/server';
import type { GatewayRoute } from '../http/routes.ts';
import { accountPages } from './account-pages.ts';
import { contentSecurityPolicy } from './content-security-policy.ts';
import { htmlPage, type SmallPage } from './html.ts';
import { indexReply } from './index-page.ts';
import type { WebFiles } from './web-files.ts';

type Handle = (request: HttpRequest) => Reply;

const STRICT = contentSecurityPolicy();
/** Monaco and Scalar write their styles into the page. */
const OWN_STYLES = contentSecurityPolicy({ 'style-src': "'self' 'unsafe-inline'" });

/** Whether the request accepts HTML, as a browser does that opens a page. */
const acceptsHtml = ({ headers: { accept = '' } }: HttpRequest): boolean => accept.includes('text/html');

/** Marks a reply that depends on `Accept`: browsers receive a page there, and other clients receive data. */
const varyByAccept = ({ headers, ...reply }: Reply): Reply => ({
  ...reply,
  headers: { ...headers, vary: 'accept' },
});

const routeOf = (path: string, handle: Handle): GatewayRoute => ({
  methods: ['GET', 'HEAD'],
  path,
  handle: async (request) => handle(request),
});

export interface Pages {
  readonly routes: readonly GatewayRoute[];
  /** The explorer for a browser that opens `/graphql`; undefined for a GraphQL request. */
  explorerFor(request: HttpRequest): Reply | undefined;
  /** A page that the gateway writes itself. */
  small(page: SmallPage): Reply;
}

/** @param hasExplorer the setting EXPLORER */
export function createPages(files: WebFiles, hasExplorer: boolean): Pages {
  const page =
    (name: string, policy: string): Handle =>
    (request) => {
      const { headers, ...reply } = files.page(name, request);
      return { ...reply, headers: { ...headers, 'content-security-policy': policy } };
    };
  const home = page('home', STRICT);
  const explorer = page('explorer', OWN_STYLES);
  const console = page('console', STRICT);
  const index = indexReply(hasExplorer);
  return {
    small: (own) => htmlPage(own, files.stylesheet),
    explorerFor: (request) =>
      hasExplorer && request.method === 'GET' && acceptsHtml(request)
        ? varyByAccept(explorer(request))
        : undefined,
    routes: [
      routeOf('/', (request) => varyByAccept(acceptsHtml(request) ? home(request) : index)),
      ...(hasExplorer ? [routeOf('/explorer', explorer)] : []),
      routeOf('/docs', page('reference', OWN_STYLES)),
      // The console reads from its path what to show.
      routeOf('/console', console),
      routeOf('/console/*', console),
      ...[...accountPages(files.stylesheet)].map(([path, reply]) => routeOf(path, () => reply)),
      {
        methods: ['GET', 'HEAD'],
        path: '/assets/:name(^[A-Za-z0-9._-]{1,100}$)',
        handle: (request, { name = '' }) => files.asset(name, request),
      },
    ],
  };
}
