// What makes a request unfit at every path.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createLogger } from '../observability/log.ts';
import { createHttpServer, type HttpServer } from './server.ts';
import { raw } from './testing-raw.ts';

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
  ])('%s is refused when it comes twice, be it the same', async (name, first, second) => {
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
    '%s may come twice, for it is a list or decides nothing',
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
