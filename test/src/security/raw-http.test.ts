// What no HTTP client would send, byte by byte: smuggling, split replies, bodies that lie about themselves.
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Account, Client } from '../support/client.ts';
import { head, sendRaw, statusesIn } from '../support/raw-http.ts';
import type { Subgraph } from '../support/running-system.ts';
import { useSharedSystem } from '../support/use-system.ts';
import { type VitalSigns, vitalSigns } from '../support/vital-signs.ts';

const JSON_TYPE = 'Content-Type: application/json';
const LOGIN = JSON.stringify({ username: 'nobody', password: 'not the password' });
/** What an attacker wants to be read as a request of its own. */
const SMUGGLED = head('GET', '/smuggled');

const system = useSharedSystem();
let client: Client;
let account: Account;
let vital: VitalSigns;

beforeAll(async () => {
  client = await Client.of(system.url);
  account = await client.account();
  vital = vitalSigns(system);
}, 60_000);
afterAll(async () => {
  await vital?.expectUnharmed();
});

const post = (...lines: string[]) => head('POST', '/login', JSON_TYPE, ...lines);
const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;

describe('a request that could be read in two ways', () => {
  it.each<[string, string]>([
    ['both lengths', `${post('Content-Length: 6', 'Transfer-Encoding: chunked')}0\r\n\r\n${SMUGGLED}`],
    [
      'both lengths, the other way round',
      `${post('Transfer-Encoding: chunked', 'Content-Length: 6')}0\r\n\r\n${SMUGGLED}`,
    ],
    ['two lengths', post('Content-Length: 0', `Content-Length: ${SMUGGLED.length}`) + SMUGGLED],
    ['a list of lengths', post('Content-Length: 0, 5') + SMUGGLED],
    ['a signed length', post('Content-Length: +5') + SMUGGLED],
    ['a negative length', post('Content-Length: -1') + SMUGGLED],
    ['a hexadecimal length', post('Content-Length: 0x10') + SMUGGLED],
    ['an unknown coding last', `${post('Transfer-Encoding: chunked, identity')}0\r\n\r\n${SMUGGLED}`],
    ['an unknown coding', `${post('Transfer-Encoding: xchunked')}0\r\n\r\n${SMUGGLED}`],
    ['a space before the colon', `${post('Transfer-Encoding : chunked')}0\r\n\r\n${SMUGGLED}`],
    ['a vertical tab in the coding', `${post('Transfer-Encoding: \x0bchunked')}0\r\n\r\n${SMUGGLED}`],
    ['a folded line', `${post('X-Folded: a\r\n Transfer-Encoding: chunked')}0\r\n\r\n${SMUGGLED}`],
    [
      'a chunk that is longer than it says',
      `${post('Transfer-Encoding: chunked')}1\r\nAB\r\n0\r\n\r\n${SMUGGLED}`,
    ],
    ['a chunk length that is none', `${post('Transfer-Encoding: chunked')}zz\r\n\r\n${SMUGGLED}`],
    [
      'a chunk length beyond all numbers',
      `${post('Transfer-Encoding: chunked')}${'f'.repeat(17)}\r\n${SMUGGLED}`,
    ],
    ['line ends without CR', `POST /login HTTP/1.1\nHost: localhost\nContent-Length: 0\n\n${SMUGGLED}`],
    [
      'a CR alone',
      `POST /login HTTP/1.1\r\nHost: localhost\r\nX: a\rTransfer-Encoding: chunked\r\n\r\n${SMUGGLED}`,
    ],
    ['no host', `POST /login HTTP/1.1\r\nContent-Length: 0\r\n\r\n${SMUGGLED}`],
    ['a NUL in a field', post('X-Nul: a\0b') + SMUGGLED],
  ])('is refused with 400 and ends the connection: %s', async (_, bytes) => {
    const received = await sendRaw(system.url, [bytes]);
    expect(statusesIn(received)).toEqual([400]);
    expect(received).not.toContain('/smuggled');
  });

  it('is refused in the same way by each subgraph', async () => {
    for (const service of ['users', 'products', 'orders'] satisfies Subgraph[]) {
      const bytes = head('POST', '/graphql', JSON_TYPE, 'Content-Length: 6', 'Transfer-Encoding: chunked');
      expect(
        statusesIn(await sendRaw(system.subgraphUrl(service), [`${bytes}0\r\n\r\n${SMUGGLED}`])),
      ).toEqual([400]);
    }
  });
});

describe('a header that comes back', () => {
  const lines = (received: string) => received.split('\r\n\r\n')[0]?.toLowerCase() ?? '';

  it.each([
    'a%0d%0aset-cookie: x=1',
    'a\\r\\nset-cookie: x=1',
    'a\u0085set-cookie: x=1',
    'a;set-cookie=1',
    '<b>',
    'x'.repeat(65),
  ])('splits no reply: request id %j', async (id) => {
    const received = await sendRaw(system.url, [
      head('GET', '/products', `X-Request-Id: ${id}`, 'Connection: close'),
    ]);
    expect(statusesIn(received)).toEqual([200]);
    expect(lines(received)).toMatch(/^x-request-id: [0-9a-f-]{36}$/m);
    expect(lines(received)).not.toContain('set-cookie');
  });

  it('splits no reply: idempotency key, entity tag, origin, path and query', async () => {
    const crlf = '%0d%0aset-cookie:%20x=1';
    const requests = [
      head('GET', `/products?cursor=${crlf}`, 'Connection: close'),
      head('GET', `/products?limit=1&search=${crlf}`, 'Connection: close'),
      head('GET', `/products/${crlf}`, 'Connection: close'),
      head('GET', `/${crlf}`, `Origin: http://x${crlf}`, `If-None-Match: "${crlf}"`, 'Connection: close'),
      `${head(
        'POST',
        '/orders',
        JSON_TYPE,
        `Authorization: Bearer ${account.token}`,
        `Idempotency-Key: ${crlf}`,
        'Content-Length: 2',
        'Connection: close',
      )}{}`,
    ];
    for (const request of requests) {
      const received = await sendRaw(system.url, [request]);
      expect(statusesIn(received)).toHaveLength(1);
      expect(lines(received)).not.toMatch(/^set-cookie/m);
    }
  });
});

describe('the header by which services say how long they wait', () => {
  it('is not believed of a client, which could make errors of ours with it', async () => {
    for (const path of ['/products', '/profile']) {
      const reply = await client.rest('GET', path, {
        token: account.token,
        headers: { 'x-request-timeout-ms': '0' },
      });
      expect([path, reply.status]).toEqual([path, 200]);
    }
  });
});

describe('a body', () => {
  /** White space after the JSON is part of the body. */
  const sized = (size: number) => LOGIN.padEnd(size);

  it('of 1,000,000 bytes is read and one byte more is 413, announced or in chunks', async () => {
    const send = (size: number) => client.rest('POST', '/login', { body: sized(size) });
    expect((await send(1_000_000)).status).toBe(401);
    expect((await send(1_000_001)).status).toBe(413);
    expect(statusesIn(await sendRaw(system.url, [post('Content-Length: 1000001')]))).toEqual([413]);
    expect(statusesIn(await sendRaw(system.url, [post('Content-Length: 99999999999999')]))).toEqual([413]);
    const chunks = Array.from({ length: 101 }, () => chunk('x'.repeat(10_000)));
    expect(statusesIn(await sendRaw(system.url, [post('Transfer-Encoding: chunked'), ...chunks]))).toEqual([
      413,
    ]);
  });

  it('of 1,000,000 bytes is handed on to its subgraph, though that call is longer', async () => {
    const around = JSON.stringify({ username: '', password: 'x' });
    const body = JSON.stringify({ username: 'x'.repeat(1_000_000 - around.length), password: 'x' });
    expect([body.length, (await client.rest('POST', '/login', { body })).status]).toEqual([1_000_000, 401]);
  });

  it('that ends before it is whole is never acted upon', async () => {
    const registration = JSON.stringify({
      username: 'half-sent',
      email: 'h@example.com',
      password: 'correct horse 42 x',
    });
    const announced = head('POST', '/register', JSON_TYPE, `Content-Length: ${registration.length + 1}`);
    const received = await sendRaw(system.url, [announced + registration], { end: true });
    expect(statusesIn(received).filter((status) => status < 400)).toEqual([]);
    const login = await client.rest('POST', '/login', {
      body: { username: 'half-sent', password: 'correct horse 42 x' },
    });
    expect(login.status).toBe(401);
  });

  it('that goes on after its length ends the connection', async () => {
    const short = head('POST', '/login', JSON_TYPE, `Content-Length: ${LOGIN.length}`);
    const statuses = statusesIn(await sendRaw(system.url, [`${short}${LOGIN}garbage\r\n\r\n${SMUGGLED}`]));
    expect(statuses.at(-1)).toBe(400);
    expect(statuses.filter((status) => status < 400 || status === 404)).toEqual([]);
  });

  it('that is packed is 415, however little it is: nothing is unpacked', async () => {
    const bomb = gzipSync(Buffer.alloc(50_000_000));
    expect(bomb.length).toBeLessThan(100_000);
    for (const [path, encoding] of [
      ['/login', 'gzip'],
      ['/graphql', 'gzip'],
      ['/login', 'br'],
      ['/login', 'deflate, gzip'],
    ] as const) {
      const packed = head(
        'POST',
        path,
        JSON_TYPE,
        `Content-Encoding: ${encoding}`,
        `Content-Length: ${bomb.length}`,
      );
      const received = await sendRaw(system.url, [packed, bomb]);
      expect(statusesIn(received)).toEqual([415]);
      expect(received.toLowerCase()).toContain('accept-encoding: identity');
    }
  });
});
