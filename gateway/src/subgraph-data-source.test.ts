// Calls of a subgraph that misbehaves on the wire.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { GraphQLDataSourceRequestKind } from '@apollo/gateway/dist/datasources/types.js';
import { AppError } from '@holdfast/platform/errors';
import { afterEach, expect, it } from '@jest/globals';
import { GraphQLError } from 'graphql';
import { createSubgraphDataSource, type SubgraphDataSource } from './subgraph-data-source.js';

let server: Server;
let source: SubgraphDataSource;
let calls = 0;

async function start(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  timeoutMs = 1_000,
) {
  calls = 0;
  server = createServer((request, response) => {
    calls += 1;
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  source = createSubgraphDataSource({
    name: 'orders',
    url: `http://127.0.0.1:${port}/graphql`,
    timeoutMs,
    connections: 2,
    connectionMaxAgeMs: 30_000,
    serviceToken: async () => 'Bearer test',
  });
}
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await source.close();
});

const json = (response: ServerResponse, status: number, body: unknown) =>
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));

const send = () =>
  source.process({
    // The one kind of call that needs no context of Apollo Server's making.
    kind: GraphQLDataSourceRequestKind.HEALTH_CHECK,
    request: { query: 'mutation { a: place }' },
    context: {},
  });

async function faultOf(promise: Promise<unknown>): Promise<{ fault: AppError; error: GraphQLError }> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof GraphQLError) || !(error.originalError instanceof AppError))
    throw new Error(`no fault: ${error}`);
  return { error, fault: error.originalError };
}

it('hands on data and errors, whatever the status', async () => {
  const reply = {
    data: { a: null },
    errors: [{ message: 'no', path: ['a'], extensions: { code: 'FORBIDDEN' } }],
  };
  await start((_, response) => json(response, 400, reply));
  expect(await send()).toEqual(reply);
});

it.each([
  [
    'an error page',
    (_: IncomingMessage, response: ServerResponse) =>
      response.writeHead(502, { 'content-type': 'text/html' }).end('<h1>Bad'),
  ],
  [
    'a refused service token',
    (_: IncomingMessage, response: ServerResponse) =>
      json(response, 401, { errors: [{ message: 'no', extensions: { code: 'UNAUTHENTICATED' } }] }),
  ],
  [
    'no JSON',
    (_: IncomingMessage, response: ServerResponse) =>
      response.writeHead(200, { 'content-type': 'application/json' }).end('{'),
  ],
  ['another JSON', (_: IncomingMessage, response: ServerResponse) => json(response, 200, { hello: 1 })],
  [
    'errors that are none',
    (_: IncomingMessage, response: ServerResponse) => json(response, 200, { errors: ['x'] }),
  ],
  [
    'half a reply',
    (_: IncomingMessage, response: ServerResponse) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': 100 }).write('{"data"');
      setTimeout(() => response.destroy(), 20);
    },
  ],
  ['a closed connection', (request: IncomingMessage) => request.socket.destroy()],
  ['silence', () => undefined],
])('is SERVICE_UNAVAILABLE after %s, sent once, with the reason as the cause', async (_, answer) => {
  await start(answer, 150);
  const { error, fault } = await faultOf(send());
  expect(error.message).toBe('The orders service is not answering.');
  expect(error.extensions).toEqual({ code: 'SERVICE_UNAVAILABLE' });
  expect(error.path).toEqual(['a']);
  expect(fault.cause).toBeInstanceOf(Error);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(calls).toBe(1);
});

it('keeps its connections for the next call', async () => {
  const sockets = new Set<unknown>();
  await start((request, response) => {
    sockets.add(request.socket);
    json(response, 200, { data: { a: 'ok' } });
  });
  for (let call = 0; call < 20; call += 1) await send();
  // The next call may come while the pool still puts the last one away.
  expect(sockets.size).toBeLessThanOrEqual(2);
});
