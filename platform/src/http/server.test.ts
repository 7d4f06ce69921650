import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { createLogger } from '../observability/log.ts';
import { createHttpServer, type Handler, HttpError, type HttpServer, requestIdOf } from './server.ts';
import { raw } from './testing-raw.ts';

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
    expect((await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: 'x'.repeat(10) })).status).toBe(
      200,
    );
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

  it('tells its handler when the caller has hung up', async () => {
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

  it('tells all who wait for that, of which there may be many, and those that forget it no more', async () => {
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

  it('finishes what is under way when it is closed, and takes nothing new', async () => {
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

  it('asks callers to leave while it drains, and still serves who comes', async () => {
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

describe('a client that takes its time', () => {
  const times = { timeoutMs: 400, headerTimeoutMs: 400 };

  it('in the body is told so, and its connection is closed', async () => {
    const port = await serve(echo, undefined, times);
    const slow = raw(port, 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf');
    expect(await slow).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n(.*\r\n)*connection: close\r\n/);
  });

  it('in the header, or that says nothing at all, is cut off', async () => {
    const port = await serve(echo, undefined, times);
    expect(await raw(port, 'GET / HTTP/1.1\r\nHost')).toMatch(/^HTTP\/1\.1 408 /);
    await raw(port, '');
  });

  it('and never reads its reply is cut off', async () => {
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

  it('does not keep others waiting, were it two hundred', async () => {
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

  it('counts, were it the two thousandth', async () => {
    const port = await serve(async ({ headers }) => ({ status: 200, body: String(headers['x-last']) }));
    const lines = `${'a:\r\n'.repeat(2_000)}X-Last: is here\r\nConnection: close\r\n`;
    expect(await raw(port, `GET / HTTP/1.1\r\nHost: x\r\n${lines}\r\n`)).toMatch(/\r\n\r\nis here$/);
  });

  it('of a reply says nothing about the server', async () => {
    const port = await serve(echo);
    const reply = await raw(port, 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    expect(reply).not.toMatch(/^(server|x-powered-by):/im);
  });

  it('that could be read in two ways is refused', async () => {
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

describe('the time that a caller says it has', () => {
  it('is believed between services, and not where just anybody calls', async () => {
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
  it('from outside are never sent back when they are not harmless', async () => {
    const port = await serve(echo);
    for (const id of ['<script>', 'a\tb', 'x'.repeat(65), '\u00e4', 'a b']) {
      const text = `GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Request-Id: ${id}\r\n\r\n`;
      const reply = await raw(port, text);
      expect(reply).toMatch(/\r\nx-request-id: [0-9a-f-]{36}\r\n/i);
      expect(reply).not.toContain(id);
    }
  });

  it('are taken over only when they are short and harmless', () => {
    expect(requestIdOf('my-id_1.2')).toBe('my-id_1.2');
    for (const id of [undefined, '', 'x'.repeat(65), 'a b', 'a\nb', '<script>', ['a', 'b']]) {
      expect(requestIdOf(id)).toMatch(/^[0-9a-f-]{36}$/);
    }
  });
});
