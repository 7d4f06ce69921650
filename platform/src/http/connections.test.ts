// Connections that misbehave: requests that cannot be read, replies that stay unread, and addresses with too many connections.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createLogger } from '../observability/log.ts';
import { registry } from '../observability/metrics.ts';
import { createHttpServer, type Handler, HttpError, type HttpServer } from './server.ts';
import { raw } from './testing-raw.ts';

// Requests that cannot be read: each gets one reply in the form of the server, after the replies to earlier requests.
describe('a request that cannot be read', () => {
  const TIMES = { timeoutMs: 400, headerTimeoutMs: 400 };

  let http: HttpServer | undefined;
  const observed: string[] = [];
  afterEach(async () => {
    await http?.close();
    observed.length = 0;
  });

  async function serve(handler: Handler, times: { timeoutMs?: number; headerTimeoutMs?: number } = {}) {
    http = createHttpServer({
      handler,
      onError: (error) =>
        error instanceof HttpError
          ? { status: error.status, headers: error.headers, body: `In words: ${error.message}` }
          : { status: 500 },
      log: createLogger('test', 'silent'),
      timeoutMs: 5_000,
      observe: ({ path }, status) => observed.push(`${path} ${status}`),
      ...times,
    });
    return http.listen(0, '127.0.0.1');
  }

  const echo: Handler = async (request) => ({ status: 200, body: String(await request.body()) });
  const post = (...lines: string[]) => ['POST /p HTTP/1.1', 'Host: x', ...lines, '', ''].join('\r\n');
  const CHUNKED = post('Transfer-Encoding: chunked');
  const LONG = 'x'.repeat(20_000);

  /** Status, then body, of each reply. */
  const repliesIn = (text: string): string[] =>
    [...text.matchAll(/HTTP\/1\.1 (\d{3})[\s\S]*?\r\n\r\n([\s\S]*?)(?=HTTP\/1\.1 |$)/g)].map(
      ([, status, body]) => `${status} ${body}`,
    );

  it.each<[string, string, RegExp]>([
    [
      'a field of 20 kB',
      `GET / HTTP/1.1\r\nHost: x\r\nX: ${LONG}\r\n\r\n`,
      /^431 .* at most 16384 bytes together/,
    ],
    ['a path of 20 kB', `GET /${LONG} HTTP/1.1\r\nHost: x\r\n\r\n`, /^431 /],
    ['a space before the colon', 'GET / HTTP/1.1\r\nHost : x\r\n\r\n', /^400 .*well-formed request/],
    ['another protocol', 'EHLO example.com\r\n\r\n', /^400 /],
    ['another version', 'GET / HTTP/3.0\r\nHost: x\r\n\r\n', /^400 /],
    ['an unknown method', 'BREW / HTTP/1.1\r\nHost: x\r\n\r\n', /^400 /],
  ])('%s gets a reply in the form of the server, and closes the connection', async (_, text, expected) => {
    const port = await serve(echo);
    const reply = await raw(port, text);
    expect(repliesIn(reply)).toEqual([expect.stringMatching(expected)]);
    expect(reply).toMatch(/In words: /);
    expect(reply).toMatch(/\r\nconnection: close\r\n/);
    expect(reply).toMatch(/\r\nx-request-id: [0-9a-f-]{36}\r\n/);
    expect(reply).toMatch(/\r\ndate: [^\r]+ GMT\r\n/);
    expect(observed).toEqual([` ${repliesIn(reply)[0]?.slice(0, 3)}`]);
  });

  it.each<[string, string[], RegExp]>([
    ['a chunk that is longer than it says', [CHUNKED, '1\r\nAB\r\n'], /^400 .*well-formed chunks/],
    ['a chunk length that is none', [CHUNKED, 'zz\r\n'], /^400 /],
    ['long extensions of chunks', [CHUNKED, `1;${LONG}\r\na\r\n`], /^413 /],
  ])('a body with %s is answered by the handler that waits for it', async (_, parts, expected) => {
    const port = await serve(echo);
    const reply = await raw(port, ...parts);
    expect(repliesIn(reply)).toEqual([expect.stringMatching(expected)]);
    expect(observed).toEqual([`/p ${repliesIn(reply)[0]?.slice(0, 3)}`]);
  });

  it('a head or a body that is too late is answered with 408 in the form of the server', async () => {
    const port = await serve(echo, TIMES);
    for (const text of ['GET / HTTP/1.1\r\nHost', `${post('Content-Length: 100')}half`])
      expect(repliesIn(await raw(port, text))).toEqual([expect.stringMatching(/^408 In words: /)]);
  });

  it('a body that a handler does not wait for adds no second reply', async () => {
    const port = await serve(async () => ({ status: 415, body: 'unread' }));
    expect(repliesIn(await raw(port, CHUNKED, 'zz\r\n'))).toEqual(['415 unread']);
  });

  it('earlier requests are answered first, with their own replies', async () => {
    let finish = (): void => undefined;
    const isFinished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const port = await serve(async ({ path }) => {
      if (path === '/last') setTimeout(finish, 100);
      await isFinished;
      return { status: 200, body: path };
    });
    const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
    const reply = await raw(port, `${get('/first')}${get('/last')}garbage\r\n\r\n`);
    expect(repliesIn(reply)).toEqual(['200 /first', '200 /last', expect.stringMatching(/^400 In words: /)]);
  });

  it('an unknown expectation is ignored', async () => {
    const port = await serve(echo);
    const reply = await raw(port, `${post('Expect: a-miracle', 'Content-Length: 2', 'Connection: close')}ab`);
    expect(repliesIn(reply)).toEqual(['200 ab']);
  });
});

// Clients that do not read their replies, on real connections.
describe('unread replies', () => {
  /** More than the kernel keeps for a connection on both of its sides. */
  const LARGE = 16_000_000;
  const log = createLogger('test', 'silent');

  let server: HttpServer;
  let port: number;
  const sockets: Socket[] = [];

  beforeEach(async () => {
    server = createHttpServer({
      handler: async ({ path }) => ({ status: 200, body: 'x'.repeat(path === '/large' ? LARGE : 10) }),
      onError: () => ({ status: 500 }),
      log,
      timeoutMs: 60_000,
      maxUnreadBytes: 3 * LARGE,
    });
    port = await server.listen(0, '127.0.0.1');
  });
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    server.server.closeAllConnections();
    await server.close();
  });

  const request = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;

  /** A client that has asked, and has the beginning of its reply. */
  async function asked(...paths: string[]): Promise<Socket> {
    const socket = connect(port, '127.0.0.1');
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.write(paths.map(request).join(''));
    await once(socket, 'readable');
    return socket;
  }

  /** What is still to come on a connection, in bytes. */
  async function rest(socket: Socket): Promise<number> {
    let bytes = 0;
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    socket.setTimeout(1_000, () => socket.destroy());
    await once(socket, 'close');
    return bytes;
  }

  const metricOf = async (name: string): Promise<number> =>
    (await registry.getSingleMetric(name)?.get())?.values[0]?.value ?? Number.NaN;
  const unread = () => metricOf('http_unread_reply_bytes');

  async function until(condition: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + 20_000;
    while (!(await condition())) {
      if (Date.now() > deadline) throw new Error('it did not come to that');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  describe('replies that no client reads', () => {
    it('are counted until they are read, or their connection closes', async () => {
      const [first, second] = [await asked('/large'), await asked('/large', '/large')];
      expect(await unread()).toBe(3 * LARGE);
      second.destroy();
      await until(async () => (await unread()) === LARGE);
      expect(await rest(first)).toBeGreaterThan(LARGE);
      expect(await unread()).toBe(0);
    });

    it('close only the connections that hold the most for the longest', async () => {
      const ended = await metricOf('http_unread_replies_ended_total');
      const slowest = await asked('/large');
      await new Promise((resolve) => setTimeout(resolve, 200));
      const others = [await asked('/large'), await asked('/large'), await asked('/large')];
      expect(await rest(slowest)).toBeLessThan(LARGE);
      expect(await metricOf('http_unread_replies_ended_total')).toBe(ended + 1);
      for (const other of others) expect(await rest(other)).toBeGreaterThan(LARGE);
      expect(await unread()).toBe(0);
    });

    it('do not stop the replies of clients that read, however many there are', async () => {
      for (let client = 0; client < 5; client += 1) {
        await asked('/large');
        expect(await unread()).toBeLessThanOrEqual(3 * LARGE);
        const reply = await fetch(`http://127.0.0.1:${port}/large`);
        expect((await reply.text()).length).toBe(LARGE);
      }
    });
  });
});

// The share of the connections that one address may hold.
describe('the share of an address', () => {
  const MAX = 3;

  let http: HttpServer | undefined;
  let sockets: Socket[] = [];
  let refused = 0;
  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    await http?.close();
    sockets = [];
    refused = 0;
  });

  async function serve(): Promise<number> {
    http = createHttpServer({
      handler: async ({ remoteAddress }) => ({ status: 200, body: remoteAddress }),
      onError: () => ({ status: 500 }),
      log: createLogger('test', 'silent'),
      timeoutMs: 5_000,
      connectionShare: {
        maxPerAddress: MAX,
        onRefused: () => {
          refused += 1;
        },
      },
    });
    return http.listen(0, '0.0.0.0');
  }

  /** Whether a new connection from an address is served; it stays open then. */
  async function isServed(port: number, localAddress: string): Promise<boolean> {
    const socket = connect({ port, host: '127.0.0.1', localAddress });
    sockets.push(socket);
    const answered = new Promise<boolean>((resolve) => {
      socket.on('data', () => resolve(true));
      socket.on('error', () => resolve(false)).on('close', () => resolve(false));
    });
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    return answered;
  }

  it('limits it: its next connection is reset, while other addresses are served', async () => {
    const port = await serve();
    for (let opened = 0; opened < MAX; opened += 1) expect(await isServed(port, '127.0.0.1')).toBe(true);
    for (let tries = 0; tries < 50; tries += 1) expect(await isServed(port, '127.0.0.1')).toBe(false);
    expect(refused).toBe(50);
    for (let opened = 0; opened < MAX; opened += 1) expect(await isServed(port, '127.0.0.2')).toBe(true);
    expect(await isServed(port, '127.0.0.2')).toBe(false);
  });

  it('is free again when its connections have closed in any way', async () => {
    const port = await serve();
    for (let round = 0; round < 3; round += 1) {
      for (let opened = 0; opened < MAX; opened += 1) expect(await isServed(port, '127.0.0.1')).toBe(true);
      expect(await isServed(port, '127.0.0.1')).toBe(false);
      const closed = sockets.filter(({ closed }) => !closed).map((socket) => once(socket, 'close'));
      for (const [index, socket] of sockets.entries())
        if (index % 2 === 0) socket.resetAndDestroy();
        else socket.end();
      await Promise.all(closed);
      const open = () =>
        new Promise<number>((resolve, reject) =>
          http?.server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
        );
      while ((await open()) > 0) await new Promise((resolve) => setTimeout(resolve, 10));
      sockets = [];
    }
  });
});
