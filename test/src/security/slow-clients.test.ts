// Clients that begin and never finish. The others must not notice, and it must come to an end.
import type { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client, eventually } from '../support/client.ts';
import { head, openSocket } from '../support/raw-http.ts';
import { useSharedSystem } from '../support/use-system.ts';
import { type VitalSigns, vitalSigns } from '../support/vital-signs.ts';

const SOCKETS = 200;
const BEGINNINGS = [
  'GET /products HTTP/1.1\r\nHost: localhost\r\nX-Slow: ',
  'GET /prod',
  'POST /login HTTP/1.1\r\n',
  'G',
];

const system = useSharedSystem();
let client: Client;
let vital: VitalSigns;

beforeAll(async () => {
  client = await Client.of(system.url);
  vital = vitalSigns(system);
}, 60_000);
afterAll(() => vital?.expectUnharmed());

async function slowestOf(calls: number): Promise<number> {
  let slowest = 0;
  for (let call = 0; call < calls; call += 1) {
    const startedAt = performance.now();
    expect((await client.rest('GET', '/products?limit=1')).status).toBe(200);
    slowest = Math.max(slowest, performance.now() - startedAt);
  }
  return slowest;
}

/** Opens sockets that say `beginnings` and no more; gives how many are still open. */
async function open(beginnings: readonly string[], trickle: string): Promise<() => number> {
  const sockets: Socket[] = [];
  for (let index = 0; index < SOCKETS; index += 1) {
    const socket = await openSocket(system.url);
    socket.on('error', () => socket.destroy()).resume();
    socket.write(beginnings[index % beginnings.length] ?? '');
    sockets.push(socket);
  }
  // One byte a second keeps a server waiting that counts from the last byte and not from the first.
  const timer = setInterval(() => {
    for (const socket of sockets) if (socket.writable) socket.write(trickle);
  }, 1_000);
  timer.unref();
  return () => {
    const stillOpen = sockets.filter(({ closed }) => !closed).length;
    if (stillOpen === 0) clearInterval(timer);
    return stillOpen;
  };
}

describe('200 connections', () => {
  it('whose headers never end hold up nobody, and are closed after ten seconds', async () => {
    const openNow = await open(BEGINNINGS, 'x');
    expect(openNow()).toBe(SOCKETS);
    expect(await slowestOf(50)).toBeLessThan(2_000);
    await eventually(
      async () => openNow(),
      (count) => count === 0,
      20_000,
    );
  }, 40_000);

  it('whose bodies never end hold up nobody, and are closed after the time of a request', async () => {
    const begun = head('POST', '/login', 'Content-Type: application/json', 'Content-Length: 900000');
    const openNow = await open([`${begun}{`], ' ');
    expect(await slowestOf(50)).toBeLessThan(2_000);
    await eventually(
      async () => openNow(),
      (count) => count === 0,
      45_000,
    );
  }, 60_000);
});
