// The explorer: Apollo's page, with scripts of Apollo's. The page says in itself what it loads. The header field says the
// same, and closes what the page leaves open.
import { ApolloServer, HeaderMap } from '@apollo/server';
import { ApolloServerPluginLandingPageLocalDefault } from '@apollo/server/plugin/landingPage/default';
import type { HttpRequest, Reply } from '@holdfast/platform/http';

/** The page for browsers; undefined for a request that asks for no page. */
export type Explorer = (request: HttpRequest) => Promise<Reply> | undefined;

const META_POLICY = /<meta http-equiv="Content-Security-Policy" content="([^"]*)"/;
const REST = [
  "default-src 'none'",
  "connect-src 'self'",
  'font-src https://fonts.gstatic.com',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const asksForPage = ({ method, headers: { accept = '' } }: HttpRequest): boolean =>
  method === 'GET' && accept.includes('text/html');

/** Apollo Server makes the page, each time with a nonce of its own; it answers nothing else. */
export async function createExplorer(): Promise<Explorer> {
  const server = new ApolloServer({
    typeDefs: 'type Query { page: String }',
    plugins: [ApolloServerPluginLandingPageLocalDefault({ footer: false })],
    stopOnTerminationSignals: false,
  });
  await server.start();
  const page = async (): Promise<Reply> => {
    const { body } = await server.executeHTTPGraphQLRequest({
      httpGraphQLRequest: {
        method: 'GET',
        headers: new HeaderMap([['accept', 'text/html']]),
        search: '',
        body: undefined,
      },
      context: async () => ({}),
    });
    const text = body.kind === 'complete' ? body.string : '';
    const own = META_POLICY.exec(text)?.[1];
    return {
      status: 200,
      headers: {
        'content-type': 'text/html',
        ...(own !== undefined && { 'content-security-policy': `${own}; ${REST}` }),
      },
      body: text,
    };
  };
  return (request) => (asksForPage(request) ? page() : undefined);
}
