// Clients that ask for large replies and do not read them. What they leave in the gateway's memory is bounded, and the
// others get theirs.
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from '../support/client.ts';
import { scrape, sumOf } from '../support/metrics.ts';
import { residentBytes } from '../support/process-usage.ts';
import { head, openSocket } from '../support/raw-http.ts';
import { type System, startSystem } from '../support/system.ts';
import { type VitalSigns, vitalSigns } from '../support/vital-signs.ts';

const PRODUCTS = 100;
/** As long as it may be, in characters of three bytes. */
const DESCRIPTION = '語'.repeat(10_000);
const PAGE = `/products?limit=${PRODUCTS}`;
const PAGE_BYTES = 3 * 10_000 * PRODUCTS;
const CLIENTS = 16;
/** By each of them, on one connection: the kernel keeps the first two or three for it. */
const PAGES = 8;
const MAX_UNREAD_BYTES = 64_000_000;
/** What may be unread, and as much again of what the heap has not tidied up yet. */
const MAX_GROWTH = 2.5 * MAX_UNREAD_BYTES;
/** So that the heap tidies up as it goes. */
const SMALL_HEAP = '--max-old-space-size=128 --max-semi-space-size=4';

let system: System;
let client: Client;
let vital: VitalSigns;

beforeAll(async () => {
  system = await startSystem({
    environment: {
      gateway: { NODE_OPTIONS: SMALL_HEAP, SUBGRAPH_TIMEOUT_MS: '15000' },
    },
  });
  client = await Client.of(system.url);
  const { token } = await client.account();
  for (let index = 0; index < PRODUCTS; index += 1)
    await client.product(token, { name: `Pot ${index}`, description: DESCRIPTION });
  vital = vitalSigns(system);
}, 120_000);
afterAll(async () => {
  await vital?.expectUnharmed();
  await system?.stop();
});

const memory = () => residentBytes(system.pid('gateway'));

async function readPage(): Promise<number> {
  const reply = await fetch(system.url + PAGE);
  expect(reply.status).toBe(200);
  return (await reply.arrayBuffer()).byteLength;
}

async function unreadBytes(): Promise<number> {
  return sumOf(await scrape(system.opsUrl('gateway', '/metrics')), 'http_unread_reply_bytes');
}

/** A client that asks for its pages and stops at the first bytes of them. */
async function askWithoutReading(): Promise<Socket> {
  const socket = await openSocket(system.url);
  socket.on('error', () => undefined);
  socket.write(head('GET', PAGE).repeat(PAGES));
  await Promise.race([once(socket, 'readable'), once(socket, 'close')]);
  return socket;
}

describe(`${CLIENTS} clients that do not read ${PAGES} pages of ${PAGE_BYTES / 1_000_000} MB each`, () => {
  it('hold a bounded part of memory, and keep nobody from reading', async () => {
    for (let round = 0; round < 10; round += 1) expect(await readPage()).toBeGreaterThan(PAGE_BYTES);
    const before = await memory();
    const sockets: Socket[] = [];
    const seen: { memory: number; unread: number }[] = [];
    const look = async () => seen.push({ memory: await memory(), unread: await unreadBytes() });
    for (let index = 0; index < CLIENTS; index += 1) {
      sockets.push(await askWithoutReading());
      await look();
      expect(await readPage()).toBeGreaterThan(PAGE_BYTES);
      expect((await client.rest('GET', '/products?limit=1')).status).toBe(200);
      await look();
    }
    const peak = Math.max(...seen.map((each) => each.memory));
    const unread = Math.max(...seen.map((each) => each.unread));
    // Much was unread all the time, or this would say nothing.
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
