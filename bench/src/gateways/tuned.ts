// A program: @apollo/gateway with its two most expensive parts replaced: a data source over undici that only posts and parses, and
// node:http in front of Apollo Server.
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { ApolloGateway, type GraphQLDataSource } from '@apollo/gateway';
import { ApolloServer, HeaderMap } from '@apollo/server';
import { Pool } from 'undici';
import { announce, readArgument } from '../program.ts';
import { portOf, readText } from './http.ts';
import { post } from './post.ts';

function createDataSource(url: string | undefined): GraphQLDataSource {
  const { origin, pathname } = new URL(url ?? '');
  const pool = new Pool(origin, { connections: 100 });
  return {
    process: async ({ request: { query, variables, operationName } }) =>
      JSON.parse(await post(pool, pathname, JSON.stringify({ query, variables, operationName }))),
  };
}

const gateway = new ApolloGateway({
  supergraphSdl: await readFile(readArgument(0), 'utf8'),
  buildService: ({ url }) => createDataSource(url),
});
const server = new ApolloServer({ gateway });
await server.start();

async function answer(message: IncomingMessage, response: ServerResponse): Promise<void> {
  const headers = new HeaderMap();
  for (const [name, value] of Object.entries(message.headers)) headers.set(name, String(value));
  const body: unknown = JSON.parse(await readText(message));
  const httpGraphQLRequest = { method: message.method ?? '', headers, search: '', body };
  const reply = await server.executeHTTPGraphQLRequest({ httpGraphQLRequest, context: async () => ({}) });
  if (reply.body.kind !== 'complete') throw new Error('the reply comes in parts');
  response.writeHead(reply.status ?? 200, Object.fromEntries(reply.headers)).end(reply.body.string);
}

const front = createServer((message, response) => {
  answer(message, response).catch((error: unknown) => response.writeHead(500).end(String(error)));
}).listen(0, '127.0.0.1');
await once(front, 'listening');
announce(portOf(front));
