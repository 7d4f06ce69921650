// The HTTP server over real connections: requests, limits, routes, and requests that it refuses at every path.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { FastifyRequest, FastifySchema } from 'fastify';
import { createLogger } from '../observability/log.ts';
import {
  addRoute,
  createHttpServer,
  type Handler,
  HttpError,
  type HttpServer,
  type HttpServerOptions,
  requestIdOf,
} from './server.ts';
import { raw } from './testing-raw.ts';

describe('a server', () => {
  let http: HttpServer | undefined;
  afterEach(() => http?.close());

  async function serve(
    handler: Handler,
    maxBodyBytes?: number,
    times: { timeoutMs?: number; headerTimeoutMs?: number; isPublic?: boolean } = {},
  ): Promise<number> {
    http = createHttpServer({
      handler,
      onError: (error) =>
        error instanceof HttpError
          ? { status: error.status, headers: error.headers, body: error.message }
          : { status: 500, body: 'masked' },
      log: createLogger('test', 'silent'),
      timeoutMs: 5_000,
      ...times,
      ...(maxBodyBytes === undefined ? {} : { maxBodyBytes }),
    });
    return http.listen(0, '127.0.0.1');
  }

  const echo: Handler = async (request) => ({ status: 200, body: String(await request.body()) });

  describe('the HTTP server', () => {
    it('refuses a body over the limit, announced or not', async () => {
      const port = await serve(echo, 10);
      const announced = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: 'x'.repeat(11) });
      expect(announced.status).toBe(413);
      const chunks = new ReadableStream({
        start: (controller) => {
          for (const chunk of ['12345', '67890', '1']) controller.enqueue(new TextEncoder().encode(chunk));
          controller.close();
        },
      });
      const streamed = await fetch(`http://127.0.0.1:${port}/`, {
        method: 'POST',
        body: chunks,
        duplex: 'half',
      });
      expect(streamed.status).toBe(413);
      expect(
        (await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: 'x'.repeat(10) })).status,
      ).toBe(200);
    });

    it('survives a body that ends early and a handler that throws', async () => {
      const port = await serve(async (request) => {
        if (request.path === '/throw') throw new Error('inside');
        return echo(request);
      });
      await new Promise<void>((resolve) => {
        const socket = connect(port, '127.0.0.1', () => {
          socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf');
          socket.end();
        });
        socket.on('close', () => resolve()).resume();
      });
      const thrown = await fetch(`http://127.0.0.1:${port}/throw`);
      expect([thrown.status, await thrown.text()]).toEqual([500, 'masked']);
    });

    it('tells its handler when the caller has closed the connection', async () => {
      let signal: AbortSignal | undefined;
      const port = await serve(async (request) => {
        ({ signal } = request);
        while (!request.signal.aborted) await new Promise((resolve) => setTimeout(resolve, 5));
        return { status: 200 };
      });
      const hangUp = new AbortController();
      const call = fetch(`http://127.0.0.1:${port}/`, { signal: hangUp.signal });
      while (signal === undefined) await new Promise((resolve) => setTimeout(resolve, 5));
      expect(signal.aborted).toBe(false);
      hangUp.abort();
      await expect(call).rejects.toThrow('aborted');
      while (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, 5));
    });

    it('tells all its listeners, also many, and no removed listener', async () => {
      const warnings: Error[] = [];
      process.on('warning', (warning) => warnings.push(warning));
      const told: number[] = [];
      const begun = Promise.withResolvers<void>();
      const port = await serve(async (request) => {
        const numbers = Array.from({ length: 20 }, (_, number) => number);
        const forget = numbers.map((number) => request.whenGone(() => told.push(number)));
        for (const number of numbers.slice(3)) forget[number]?.();
        begun.resolve();
        return new Promise((resolve) => request.whenGone(() => resolve({ status: 200 })));
      });
      const call = new AbortController();
      const reply = fetch(`http://127.0.0.1:${port}/`, { signal: call.signal });
      await begun.promise;
      call.abort();
      await expect(reply).rejects.toThrow('aborted');
      while (told.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
      expect([told, warnings]).toEqual([[0, 1, 2], []]);
    });

    it('finishes the running requests when it closes, and accepts no new connection', async () => {
      let finish = (): void => undefined;
      const begun = new Promise<void>((isBegun) => {
        void serve(
          () =>
            new Promise((resolve) => {
              finish = () => resolve({ status: 200, body: 'done' });
              isBegun();
            }),
        ).then((port) => {
          reply = fetch(`http://127.0.0.1:${port}/`).then((response) => response.text());
        });
      });
      let reply: Promise<string> | undefined;
      await begun;
      const closed = http?.close();
      http = undefined;
      finish();
      expect(await reply).toBe('done');
      await closed;
    });

    it('asks callers to close their connections while it drains, and still serves new ones', async () => {
      let finish = (): void => undefined;
      const waiting = new Promise<void>((resolve) => {
        finish = resolve;
      });
      let begin = (): void => undefined;
      const begun = new Promise<void>((resolve) => {
        begin = resolve;
      });
      const port = await serve(async ({ path }) => {
        if (path !== '/wait') return { status: 200, body: path };
        begin();
        await waiting;
        return { status: 200, body: path };
      });
      const leaving = async (path: string) => {
        const reply = await fetch(`http://127.0.0.1:${port}${path}`);
        return [await reply.text(), reply.headers.get('connection')];
      };
      expect(await leaving('/before')).toEqual(['/before', 'keep-alive']);
      const underWay = leaving('/wait');
      await begun;
      http?.drain();
      finish();
      expect(await underWay).toEqual(['/wait', 'close']);
      for (const path of ['/idle-connection', '/new-connection'])
        expect(await leaving(path)).toEqual([path, 'close']);
    });
  });

  describe('a slow client', () => {
    const times = { timeoutMs: 400, headerTimeoutMs: 400 };

    it('in the body gets 408, and its connection is closed', async () => {
      const port = await serve(echo, undefined, times);
      const slow = raw(port, 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf');
      expect(await slow).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n(.*\r\n)*connection: close\r\n/);
    });

    it('in the header, or that sends no byte, is disconnected', async () => {
      const port = await serve(echo, undefined, times);
      expect(await raw(port, 'GET / HTTP/1.1\r\nHost')).toMatch(/^HTTP\/1\.1 408 /);
      await raw(port, '');
    });

    it('that never reads its reply is disconnected', async () => {
      const port = await serve(async () => ({ status: 200, body: 'x'.repeat(50_000_000) }), undefined, times);
      const open = () =>
        new Promise<number>((resolve, reject) =>
          http?.server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
        );
      const socket = connect(port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'));
      socket.on('error', () => undefined).pause();
      await once(socket, 'connect');
      while ((await open()) === 0) await new Promise((resolve) => setTimeout(resolve, 10));
      while ((await open()) > 0) await new Promise((resolve) => setTimeout(resolve, 50));
      socket.destroy();
    }, 10_000);

    it('does not delay other clients, even when there are two hundred', async () => {
      const port = await serve(echo);
      const sockets = Array.from({ length: 200 }, (_, index) =>
        connect(port, '127.0.0.1').on('connect', function (this: Socket) {
          if (index % 2 === 0) this.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx');
        }),
      );
      await Promise.all(sockets.map((socket) => once(socket, 'connect')));
      const startedAt = performance.now();
      expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(200);
      expect(performance.now() - startedAt).toBeLessThan(2_000);
      for (const socket of sockets) socket.on('error', () => undefined).destroy();
    });
  });

  describe('a header', () => {
    it('that is too long is 431', async () => {
      const port = await serve(echo);
      const reply = await raw(port, `GET / HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`);
      expect(reply).toMatch(/^HTTP\/1\.1 431 /);
    });

    it('counts even when it is the two thousandth', async () => {
      const port = await serve(async ({ headers }) => ({ status: 200, body: String(headers['x-last']) }));
      const lines = `${'a:\r\n'.repeat(2_000)}X-Last: is here\r\nConnection: close\r\n`;
      expect(await raw(port, `GET / HTTP/1.1\r\nHost: x\r\n${lines}\r\n`)).toMatch(/\r\n\r\nis here$/);
    });

    it('of a reply does not reveal the software of the server', async () => {
      const port = await serve(echo);
      const reply = await raw(port, 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
      expect(reply).not.toMatch(/^(server|x-powered-by):/im);
    });

    it('with two possible readings is refused', async () => {
      const port = await serve(echo);
      for (const header of [
        'Content-Length: 5\r\nTransfer-Encoding: chunked',
        'Content-Length: 5\r\nContent-Length: 6',
        'Transfer-Encoding: chunked, identity',
        'X : y\r\nContent-Length: 0',
      ]) {
        const reply = await raw(port, `POST / HTTP/1.1\r\nHost: x\r\n${header}\r\n\r\n0\r\n\r\n`);
        expect(reply).toMatch(/^HTTP\/1\.1 400 /);
      }
    });
  });

  describe('the timeout that a caller sends', () => {
    it('is trusted between services, and ignored on a public server', async () => {
      const remaining: Handler = async ({ deadlineAt }) => ({
        status: 200,
        body: String(deadlineAt - Date.now()),
      });
      for (const [isPublic, atMost, atLeast] of [
        [false, 50, -1_000],
        [true, 5_000, 3_000],
      ] as const) {
        const port = await serve(remaining, undefined, { isPublic });
        const reply = await fetch(`http://127.0.0.1:${port}/`, { headers: { 'x-request-timeout-ms': '50' } });
        const ms = Number(await reply.text());
        expect([isPublic, ms <= atMost, ms > atLeast]).toEqual([isPublic, true, true]);
        await http?.close();
      }
    });
  });

  describe('request ids', () => {
    it('of a caller are never sent back when they have unsafe characters', async () => {
      const port = await serve(echo);
      for (const id of ['<script>', 'a\tb', 'x'.repeat(65), '\u00e4', 'a b']) {
        const text = `GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Request-Id: ${id}\r\n\r\n`;
        const reply = await raw(port, text);
        expect(reply).toMatch(/\r\nx-request-id: [0-9a-f-]{36}\r\n/i);
        expect(reply).not.toContain(id);
      }
    });

    it('of a caller are used only when they are short and have safe characters', () => {
      expect(requestIdOf('my-id_1.2')).toBe('my-id_1.2');
      for (const id of [undefined, '', 'x'.repeat(65), 'a b', 'a\nb', '<script>', ['a', 'b']]) {
        expect(requestIdOf(id)).toMatch(/^[0-9a-f-]{36}$/);
      }
    });
  });
});

// The routes of a server, and Fastify's own replies.
describe('routes', () => {
  let http: HttpServer | undefined;
  const observed: string[] = [];
  afterEach(async () => {
    await http?.close();
    observed.length = 0;
  });

  async function serve(routes: NonNullable<HttpServerOptions['routes']>): Promise<number> {
    http = createHttpServer({
      routes,
      handler: async ({ path }) => ({ status: 404, body: `no page at ${path}` }),
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
      expect(bodyOf(await call(port, 'POST /nowhere', ...lines))).toBe('no page at /nowhere');
      expect(bodyOf(await call(port, 'QUERY /things/1', ...lines.slice(1)))).toBe('no page at /things/1');
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
      expect(bodyOf(reply)).toBe(`no page at ${path}`);
      expect(reply).toContain('x-hook: ran');
      expect(observed).toEqual(['undefined 404']);
    },
  );

  it('a parameter may be as long as the head of a request allows', async () => {
    const port = await serve(thing);
    const id = 'x'.repeat(8_000);
    expect(bodyOf(await call(port, `GET /things/${id}`))).toContain(id);
  });

  it('the reply of a plugin has a request id, is counted, and closes the connection while the server drains', async () => {
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
      app.setValidatorCompiler(() => checkSize);
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
  const SIZED = { body: {} };
  const checkSize = ({ size, ...others }: { size?: unknown }) =>
    Number.isNaN(Number(size ?? 0))
      ? { error: new Error('size must be a number') }
      : { value: { ...others, ...(size !== undefined && { size: Number(size) }) } };
  const JSON_OF_12 = ['Content-Type: application/json', 'Content-Length: 12', ''];

  it('a route with a schema stops the start when its app has no compiler for it', async () => {
    const started = serve((app) =>
      addRoute(app, {
        methods: ['POST'],
        path: '/things',
        schema: { body: {} },
        handle: async () => ({ status: 200 }),
      }),
    );
    await expect(started).rejects.toThrow('the app has no compiler for it');
  });

  it('a route with a schema gets the parts that Fastify has parsed and checked', async () => {
    const port = await serve(checkedThing(SIZED));
    const reply = await call(port, 'POST /things?a=b', ...JSON_OF_12, '{"size":"3"}');
    expect(JSON.parse(bodyOf(reply))).toEqual({ body: { size: 3 }, query: { a: 'b' } });
  });

  it('a route with a schema gets the error of Fastify about a request, and the connection stays open', async () => {
    const port = await serve(checkedThing(SIZED));
    const post = (body: string) =>
      `POST /things HTTP/1.1\r\nHost: x\r\n${JSON_OF_12.join('\r\n')}\r\n${body}`;
    const last = 'GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
    const replies = await raw(port, post('{"size":"x"}') + post('no JSON at a') + last);
    expect(replies.match(/HTTP\/1\.1 \d+|size must be a number|SyntaxError|no page at/g)).toEqual([
      'HTTP/1.1 500',
      'size must be a number',
      'HTTP/1.1 500',
      'SyntaxError',
      'HTTP/1.1 404',
      'no page at',
    ]);
  });

  it('a route with a schema can refuse a request without waiting for the body', async () => {
    const port = await serve(checkedThing(SIZED, true));
    expect(await call(port, 'POST /things', 'Content-Type: application/json', 'Content-Length: 9')).toMatch(
      /^HTTP\/1\.1 401 /,
    );
  });

  it('a route whose schema has no body ignores the type of a body', async () => {
    const port = await serve(checkedThing({ querystring: {} }));
    const reply = await call(
      port,
      'POST /things',
      'Content-Type: a media type',
      'Content-Length: 1',
      '',
      '1',
    );
    expect(JSON.parse(bodyOf(reply))).toEqual({ body: 1, query: {} });
  });
});

// Requests that are refused at every path.
describe('an unfit request', () => {
  let http: HttpServer;
  let port: number;

  beforeAll(async () => {
    http = createHttpServer({
      handler: async ({ error }) => ({ status: 200, body: error?.message ?? 'fit' }),
      onError: () => ({ status: 500 }),
      log: createLogger('test', 'silent'),
      timeoutMs: 5_000,
    });
    port = await http.listen(0, '127.0.0.1');
  });
  afterAll(() => http.close());

  /** What is wrong with a request, or that it is fit. */
  async function errorOf(requestLine: string, ...lines: string[]): Promise<string> {
    const reply = await raw(port, [requestLine, ...lines, 'Connection: close', '', ''].join('\r\n'));
    return reply.split('\r\n\r\n')[1] ?? '';
  }
  const get = (...lines: string[]) => errorOf('GET / HTTP/1.1', 'Host: x', ...lines);

  describe('a field with one value', () => {
    it.each([
      ['Authorization', 'Bearer a', 'Bearer b'],
      ['Content-Type', 'application/json', 'text/plain'],
      ['Host', 'a', 'b'],
      ['Idempotency-Key', 'a', 'b'],
      ['Origin', 'https://a.example', 'https://b.example'],
      ['Service-Authorization', 'a', 'b'],
      ['X-Request-Timeout-Ms', '1', '2'],
    ])('%s is refused when it comes twice, even with the same value', async (name, first, second) => {
      const host = name === 'Host' ? [] : ['Host: x'];
      for (const lines of [
        [`${name}: ${first}`, `${name}: ${second}`],
        [`${name.toLowerCase()}: ${first}`, 'A: b', `${name.toUpperCase()}: ${first}`],
      ])
        expect(await errorOf('GET / HTTP/1.1', ...host, ...lines)).toBe(
          `${name}: expected one field, got more than one`,
        );
    });

    it.each(['If-Match', 'If-None-Match', 'Prefer', 'Accept', 'X-Forwarded-For', 'X-Other'])(
      '%s may come twice, because it is a list or has no effect here',
      async (name) => {
        expect(await get(`${name}: a`, `${name}: b`)).toBe('fit');
      },
    );
  });

  it('a request of HTTP/1.1 names a host, one of HTTP/1.0 need not', async () => {
    expect(await errorOf('GET / HTTP/1.1')).toBe('Host: expected the name of the server, got no value');
    expect(await errorOf('GET / HTTP/1.0')).toBe('fit');
  });

  describe('percent-encoding', () => {
    it.each(['%', '%4', '%zz', '%ff', '%c3', '%c0%af', '%ed%a0%80', '%f5%80%80%80'])(
      '%s is refused in a path and in a query',
      async (escaped) => {
        for (const [target, part] of [
          [`/a${escaped}`, 'path'],
          [`/?a=b${escaped}`, 'query'],
          [`/?a${escaped}=b`, 'query'],
        ])
          expect(await errorOf(`GET ${target} HTTP/1.1`, 'Host: x')).toBe(
            `${part}: expected percent-encoded UTF-8, with %25 for a percent sign`,
          );
      },
    );

    it.each(['/%00', '/caf%C3%A9?a=%25&b=%f0%9f%8d%b5', '/?a=b?c=d', '*'])('%s is fit', async (target) => {
      expect(await errorOf(`GET ${target} HTTP/1.1`, 'Host: x')).toBe('fit');
    });
  });

  it('an Authorization of 14,336 bytes is fit, and one byte more is not', async () => {
    expect(await get(`Authorization: ${'x'.repeat(14_336)}`)).toBe('fit');
    expect(await get(`Authorization: ${'x'.repeat(14_337)}`)).toBe(
      'Authorization: expected at most 14336 bytes, got 14337.',
    );
  });
});
