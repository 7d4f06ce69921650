// Routes of a server, and what Fastify answers by itself.
import { afterEach, expect, it } from '@jest/globals';
import type { FastifyRequest, FastifySchema } from 'fastify';
import { createLogger } from '../observability/log.ts';
import { addRoute, createHttpServer, type HttpServer, type HttpServerOptions } from './server.ts';
import { raw } from './testing-raw.ts';

let http: HttpServer | undefined;
const observed: string[] = [];
afterEach(async () => {
  await http?.close();
  observed.length = 0;
});

async function serve(routes: NonNullable<HttpServerOptions['routes']>): Promise<number> {
  http = createHttpServer({
    routes,
    handler: async ({ path }) => ({ status: 404, body: `nothing at ${path}` }),
    onError: (error) => ({ status: 500, body: String(error) }),
    log: createLogger('test', 'silent'),
    timeoutMs: 5_000,
    observe: ({ trail }, status) => observed.push(`${trail.route} ${status}`),
  });
  return http.listen(0, '127.0.0.1');
}

const call = (port: number, line: string, ...lines: string[]) =>
  raw(port, [`${line} HTTP/1.1`, 'Host: x', 'Connection: close', ...lines, '', ''].join('\r\n'));
const bodyOf = (reply: string): string => reply.split('\r\n\r\n')[1] ?? '';

const thing: HttpServerOptions['routes'] = (app) =>
  addRoute(app, {
    methods: ['GET', 'POST'],
    path: '/things/:id',
    template: '/things/{id}',
    handle: async ({ query }, { id }) => ({ status: 200, body: `${id} ${query}` }),
  });

it('a route gets the parameters of its path, and counts by its template', async () => {
  const port = await serve(thing);
  expect(bodyOf(await call(port, 'GET /things/a%20b?c=d'))).toBe('a b c=d');
  expect(observed).toEqual(['/things/{id} 200']);
});

it.each(['a media type', '/', 'application/json; charset=', 'text/plain'])(
  'a body of the type %j is no business of the server: the route answers, and where none is the handler',
  async (type) => {
    const port = await serve(thing);
    const lines = [`Content-Type: ${type}`, 'Content-Length: 2', '', '{}'];
    expect(bodyOf(await call(port, 'POST /things/1', ...lines))).toBe('1 ');
    expect(bodyOf(await call(port, 'POST /nowhere', ...lines))).toBe('nothing at /nowhere');
    expect(bodyOf(await call(port, 'QUERY /things/1', ...lines.slice(1)))).toBe('nothing at /things/1');
  },
);

it.each(['/things/%zz', '/THINGS/1', '//things/1', '/things', '*'])(
  '%s is the path of no route: hooks run, and the handler sees the path that was asked for',
  async (path) => {
    const port = await serve((app) => {
      app.addHook('onRequest', (_, reply, done) => {
        reply.header('x-hook', 'ran');
        done();
      });
      thing(app);
    });
    const reply = await call(port, `GET ${path}`);
    expect(bodyOf(reply)).toBe(`nothing at ${path}`);
    expect(reply).toContain('x-hook: ran');
    expect(observed).toEqual(['undefined 404']);
  },
);

it('a parameter may be as long as the head of a request', async () => {
  const port = await serve(thing);
  const id = 'x'.repeat(8_000);
  expect(bodyOf(await call(port, `GET /things/${id}`))).toContain(id);
});

it('what a plugin replies by itself has a request id, is counted, and asks to leave while the server drains', async () => {
  const port = await serve((app) => {
    app.get('/plugin', (_, reply) => reply.send('of a plugin'));
    app.get('/broken', async () => {
      throw new Error('inside');
    });
  });
  expect(await call(port, 'GET /plugin', 'X-Request-Id: mine')).toMatch(/x-request-id: mine\r\n/);
  expect(bodyOf(await call(port, 'GET /broken'))).toBe('Error: inside');
  http?.drain();
  expect((await fetch(`http://127.0.0.1:${port}/plugin`)).headers.get('connection')).toBe('close');
  expect(observed).toEqual(['undefined 200', 'undefined 500', 'undefined 200']);
});

/** A route whose schema Fastify checks, once the handler lets it. */
const checkedThing =
  (schema: FastifySchema, isRefused = false): NonNullable<HttpServerOptions['routes']> =>
  (app) => {
    app.addContentTypeParser('*', async ({ received }: FastifyRequest) =>
      JSON.parse(String(await received?.body())),
    );
    addRoute(app, {
      methods: ['POST'],
      path: '/things',
      schema,
      handle: async (request) => {
        if (isRefused) return { status: 401 };
        const { body, query } = await request.check();
        return { status: 200, body: JSON.stringify({ body, query }) };
      },
    });
  };
const SIZED = { body: { type: 'object', properties: { size: { type: 'integer' } } } };
const JSON_OF_12 = ['Content-Type: application/json', 'Content-Length: 12', ''];

it('a route with a schema gets what Fastify has parsed and checked by it', async () => {
  const port = await serve(checkedThing(SIZED));
  const reply = await call(port, 'POST /things?a=b', ...JSON_OF_12, '{"size":"3"}');
  expect(JSON.parse(bodyOf(reply))).toEqual({ body: { size: 3 }, query: { a: 'b' } });
});

it('a route with a schema is told what Fastify has against a request, and its connection stays', async () => {
  const port = await serve(checkedThing(SIZED));
  const post = (body: string) => `POST /things HTTP/1.1\r\nHost: x\r\n${JSON_OF_12.join('\r\n')}\r\n${body}`;
  const last = 'GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
  const replies = await raw(port, post('{"size":"x"}') + post('no JSON at a') + last);
  expect(replies.match(/HTTP\/1\.1 \d+|body\/size must be integer|SyntaxError|nothing at/g)).toEqual([
    'HTTP/1.1 500',
    'body/size must be integer',
    'HTTP/1.1 500',
    'SyntaxError',
    'HTTP/1.1 404',
    'nothing at',
  ]);
});

it('a route with a schema refuses without waiting for the body', async () => {
  const port = await serve(checkedThing(SIZED, true));
  expect(await call(port, 'POST /things', 'Content-Type: application/json', 'Content-Length: 9')).toMatch(
    /^HTTP\/1\.1 401 /,
  );
});

it('a route with a schema, but without one of a body, does not look at the type of a body', async () => {
  const port = await serve(checkedThing({ querystring: { type: 'object' } }));
  const reply = await call(port, 'POST /things', 'Content-Type: a media type', 'Content-Length: 1', '', '1');
  expect(JSON.parse(bodyOf(reply))).toEqual({ body: 1, query: {} });
});
