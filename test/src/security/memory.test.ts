// Memory under abuse: repeated hostile calls do not make it grow, and large replies that clients do not read take a bounded part of it.

import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { scrape, sumOf } from '../support/metrics.ts';
import { readResidentBytes } from '../support/process-usage.ts';
import { head, openSocket } from '../support/raw-http.ts';
import { useShop } from '../support/shop.ts';
import type { AnotherInstance } from '../support/system.ts';
import { useVitalSigns } from '../support/vital-signs.ts';

/** A process with a memory leak ends with a heap this small, and the other processes collect garbage often. */
const smallHeap = (megabytes: number) => `--max-old-space-size=${megabytes} --max-semi-space-size=4`;
/** A refused caller leaves no state behind, so the other attacks are not refused. */
const RATE_LIMITS = 'login=20/1s,invalid=100000/1s,user=100000/1s,address=100000/1s';

const { system, client, account } = useShop({
  env: { NODE_OPTIONS: smallHeap(96), RATE_LIMITS },
});

describe('hostile calls', () => {
  const PROCESSES = ['gateway', 'users', 'products', 'orders'] as const;
  /** The first rounds fill the bounded caches, and the heap reaches its size. */
  const FIRST_ROUNDS = 3;
  const ROUNDS = 5;
  const CALLS = 48;
  const CALLERS = 20;
  /** Three of ten attacks send this much: a process that keeps what was sent grows by 14 MB a round. */
  const LARGE = 100_000;
  const MAX_GROWTH = 12 * 1_048_576;

  useVitalSigns(system);

  const post = (path: string, body: string, headers: Record<string, string> = {}) =>
    fetch(system.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
    }).then((reply) => reply.text());

  /** One of each kind of abuse. Each call has new values. */
  const ATTACKS: (() => Promise<unknown>)[] = [
    () => post('/login', JSON.stringify({ username: `u-${randomUUID()}`, password: 'x'.repeat(LARGE) })),
    () => post('/login', `{"${randomUUID()}":"${'x'.repeat(LARGE)}"}`),
    () => post('/graphql', JSON.stringify({ query: `{ a${randomUUID().replaceAll('-', '')} }` })),
    () =>
      post(
        '/graphql',
        JSON.stringify({
          query: `query Q${randomUUID().replaceAll('-', '')} { me { id } products(first: 1) { edges { cursor } } }`,
        }),
      ),
    () => post('/graphql', JSON.stringify({ query: '{ __typename }', variables: { x: 'x'.repeat(LARGE) } })),
    () => post('/graphql', `{"query":"${'{ me '.repeat(2_000)}`),
    () =>
      fetch(`${system.url}/profile`, {
        headers: { authorization: `Bearer ${account.token}${randomUUID()}` },
      }).then((reply) => reply.text()),
    () =>
      fetch(`${system.url}/${randomUUID()}?${'q=x&'.repeat(1_000)}`, {
        headers: { 'x-request-id': randomUUID() },
      }).then((reply) => reply.text()),
    () =>
      fetch(`${system.url}/products?search=${randomUUID()}`, {
        headers: { 'x-forwarded-for': randomUUID() },
      }).then((reply) => reply.text()),
    async () => {
      const socket = await openSocket(system.url);
      socket.on('error', () => undefined);
      socket.write('POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n{');
      await new Promise((resolve) => setTimeout(resolve, 20));
      socket.destroy();
    },
  ];

  async function round(): Promise<void> {
    let next = 0;
    await Promise.all(
      Array.from({ length: CALLERS }, async () => {
        while (next < CALLS * ATTACKS.length) {
          const attack = ATTACKS[next % ATTACKS.length];
          next += 1;
          await attack?.();
        }
      }),
    );
  }

  const memory = () => Promise.all(PROCESSES.map((name) => readResidentBytes(system.pid(name))));

  describe('memory', () => {
    it(`is after ${ROUNDS} rounds of ${CALLS * ATTACKS.length} hostile calls what it was after ${FIRST_ROUNDS}`, async () => {
      const after: number[][] = [];
      for (let index = 0; index < ROUNDS; index += 1) {
        await round();
        after.push(await memory());
      }
      const growth = PROCESSES.map((name, process) => {
        const sizes = after.map((round) => round[process] ?? Number.NaN);
        const peak = Math.max(...sizes.slice(0, FIRST_ROUNDS));
        // The smaller of the last rounds, because the heap may grow by one late step.
        return { name, grown: Math.min(...sizes.slice(FIRST_ROUNDS)) - peak };
      });
      expect(growth.filter(({ grown }) => grown > MAX_GROWTH)).toEqual([]);
    }, 240_000);
  });
});

const PRODUCTS = 100;
/** The longest description, in characters of three bytes. */
const DESCRIPTION = '語'.repeat(10_000);
const PAGE = `/products?limit=${PRODUCTS}`;
const PAGE_BYTES = 3 * 10_000 * PRODUCTS;
const CLIENTS = 10;
/** The pages that each client requests on one connection. The kernel buffers the first two or three. */
const PAGES = 6;
const MAX_UNREAD_BYTES = 64_000_000;
/** The unread bytes, and as much again for garbage that is not collected yet. */
const MAX_GROWTH = 2.5 * MAX_UNREAD_BYTES;

/** The gateway of these clients. Its heap has room for the unread bytes. */
let gateway: AnotherInstance;
beforeAll(async () => {
  gateway = await system.another('gateway', {
    NODE_OPTIONS: smallHeap(128),
    SUBGRAPH_TIMEOUT_MS: '15000',
  });
});

const memory = () => readResidentBytes(gateway.pid());

async function readPage(): Promise<number> {
  const reply = await fetch(gateway.url + PAGE);
  expect(reply.status).toBe(200);
  return (await reply.arrayBuffer()).byteLength;
}

async function unreadBytes(): Promise<number> {
  return sumOf(await scrape(gateway.opsUrl('/metrics')), 'http_unread_reply_bytes');
}

/** Requests the pages and does not read them. */
async function askWithoutReading(): Promise<Socket> {
  const socket = await openSocket(gateway.url);
  socket.on('error', () => undefined);
  socket.write(head('GET', PAGE).repeat(PAGES));
  await Promise.race([once(socket, 'readable'), once(socket, 'close')]);
  return socket;
}

describe(`${CLIENTS} clients that do not read ${PAGES} pages of ${PAGE_BYTES / 1_000_000} MB each`, () => {
  useVitalSigns(system);
  beforeAll(async () => {
    for (let index = 0; index < PRODUCTS; index += 1)
      await client.product(account.token, { name: `Pot ${index}`, description: DESCRIPTION });
  });

  it('hold a bounded part of memory, and other clients can read', async () => {
    for (let round = 0; round < 4; round += 1) expect(await readPage()).toBeGreaterThan(PAGE_BYTES);
    const before = await memory();
    const sockets: Socket[] = [];
    const seen: { memory: number; unread: number }[] = [];
    const look = async () => seen.push({ memory: await memory(), unread: await unreadBytes() });
    for (let index = 0; index < CLIENTS; index += 1) {
      sockets.push(await askWithoutReading());
      await look();
      expect(await readPage()).toBeGreaterThan(PAGE_BYTES);
      expect((await fetch(`${gateway.url}/products?limit=1`)).status).toBe(200);
      await look();
    }
    const peak = Math.max(...seen.map((each) => each.memory));
    const unread = Math.max(...seen.map((each) => each.unread));
    // Much must have been unread, otherwise the test proves no limit.
    expect(unread).toBeGreaterThan(MAX_UNREAD_BYTES / 4);
    expect(unread).toBeLessThanOrEqual(MAX_UNREAD_BYTES);
    expect(peak - before).toBeLessThan(MAX_GROWTH);
    for (const socket of sockets) socket.destroy();
  }, 240_000);
});

describe('a query of two hundred bytes', () => {
  it('gives no reply of 30 MB: aliases of a long text count by what they may show', async () => {
    const aliases = Array.from({ length: 30 }, (_, n) => `a${n}:description`).join(' ');
    const query = `{products(first:100){edges{node{${aliases}}}}}`;
    const { status, errors } = await client.graphql(query);
    expect([status, errors.map(({ extensions }) => extensions.code)]).toEqual([400, ['QUERY_TOO_COMPLEX']]);
  });

  it('may show every field of a page of a hundred', async () => {
    const query = `{ products(first: 100) { edges { cursor node { id name description price stock version createdAt
      updatedAt } } pageInfo { hasNextPage endCursor } } }`;
    const { data, errors } = await client.graphql(query);
    expect(errors).toEqual([]);
    expect(data.products.edges).toHaveLength(PRODUCTS);
  });
});
