// Abuse leaves nothing behind: the same load again and again, with other values each time, adds no memory in the end.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Account, Client } from '../support/client.ts';
import { residentBytes } from '../support/process-usage.ts';
import { openSocket } from '../support/raw-http.ts';
import { type System, startSystem } from '../support/system.ts';
import { type VitalSigns, vitalSigns } from '../support/vital-signs.ts';

const PROCESSES = ['gateway', 'users', 'products', 'orders'] as const;
const ROUNDS = 5;
const CALLS = 100;
const CALLERS = 20;
/** Three of ten attacks send this much: whoever keeps what was sent grows by 30 MB a round. */
const LARGE = 100_000;
/** A heap this small ends a process that keeps what it should not, and makes the others tidy up as they go. */
const SMALL_HEAP = '--max-old-space-size=96 --max-semi-space-size=4';
/** Whoever is refused for sending too much leaves nothing to remember: the other attacks are to be let through. */
const RATE_LIMITS = 'login=20/1s,invalid=100000/1s,user=100000/1s,address=100000/1s';
const MAX_GROWTH = 12 * 1_048_576;

let system: System;
let account: Account;
let vital: VitalSigns;

beforeAll(async () => {
  system = await startSystem({
    env: { NODE_OPTIONS: SMALL_HEAP, RATE_LIMITS },
  });
  account = await (await Client.of(system.url)).account();
  vital = vitalSigns(system);
}, 60_000);
afterAll(() => system?.stop());

const post = (path: string, body: string, headers: Record<string, string> = {}) =>
  fetch(system.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
  }).then((reply) => reply.text());

/** One of each kind of abuse, none of them like another before it. */
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

const memory = () => Promise.all(PROCESSES.map((name) => residentBytes(system.pid(name))));

describe('memory', () => {
  it(`is after ${ROUNDS} rounds of ${CALLS * ATTACKS.length} hostile calls what it was after three`, async () => {
    const after: number[][] = [];
    for (let index = 0; index < ROUNDS; index += 1) {
      await round();
      after.push(await memory());
    }
    const peak = (rounds: number[][], process: number) =>
      Math.max(...rounds.map((sizes) => sizes[process] ?? Number.NaN));
    const growth = PROCESSES.map((name, process) => ({
      name,
      // The first rounds fill caches that have a bound, and let the heap find its size.
      grown: Math.max(0, peak(after.slice(3), process) - peak(after.slice(0, 3), process)),
    }));
    expect(growth.filter(({ grown }) => grown > MAX_GROWTH)).toEqual([]);
    await vital.expectUnharmed();
  }, 240_000);
});
