// Requests that cannot be read: each is answered once, in the server's words, and after those before it.
import { afterEach, expect, it } from '@jest/globals';
import { createLogger } from '../observability/log.ts';
import { createHttpServer, type Handler, HttpError, type HttpServer } from './server.ts';
import { raw } from './testing-raw.ts';

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
])('%s is answered in words, and ends the connection', async (_, text, expected) => {
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

it('what comes too late is 408 in words, be it the head or the body', async () => {
  const port = await serve(echo, TIMES);
  for (const text of ['GET / HTTP/1.1\r\nHost', `${post('Content-Length: 100')}half`])
    expect(repliesIn(await raw(port, text))).toEqual([expect.stringMatching(/^408 In words: /)]);
});

it('a body that a handler does not wait for adds no second reply', async () => {
  const port = await serve(async () => ({ status: 415, body: 'unread' }));
  expect(repliesIn(await raw(port, CHUNKED, 'zz\r\n'))).toEqual(['415 unread']);
});

it('requests that came before are answered first, and keep their answers', async () => {
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

it('an expectation that is not known is ignored', async () => {
  const port = await serve(echo);
  const reply = await raw(port, `${post('Expect: a-miracle', 'Content-Length: 2', 'Connection: close')}ab`);
  expect(repliesIn(reply)).toEqual(['200 ab']);
});
