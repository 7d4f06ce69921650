// Clients that do not read their replies, on real connections.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createLogger } from '../observability/log.ts';
import { registry } from '../observability/metrics.ts';
import { createHttpServer, type HttpServer } from './server.ts';

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

describe('replies that nobody reads', () => {
  it('are counted until they are read, or their connection closes', async () => {
    const [first, second] = [await asked('/large'), await asked('/large', '/large')];
    expect(await unread()).toBe(3 * LARGE);
    second.destroy();
    await until(async () => (await unread()) === LARGE);
    expect(await rest(first)).toBeGreaterThan(LARGE);
    expect(await unread()).toBe(0);
  });

  it('cost those their connection who hold the most for the longest, and nobody else', async () => {
    const ended = await metricOf('http_unread_replies_ended_total');
    const slowest = await asked('/large');
    await new Promise((resolve) => setTimeout(resolve, 200));
    const others = [await asked('/large'), await asked('/large'), await asked('/large')];
    expect(await rest(slowest)).toBeLessThan(LARGE);
    expect(await metricOf('http_unread_replies_ended_total')).toBe(ended + 1);
    for (const other of others) expect(await rest(other)).toBeGreaterThan(LARGE);
    expect(await unread()).toBe(0);
  });

  it('keep none from those who read, however many there are', async () => {
    for (let client = 0; client < 12; client += 1) {
      await asked('/large');
      expect(await unread()).toBeLessThanOrEqual(3 * LARGE);
      const reply = await fetch(`http://127.0.0.1:${port}/large`);
      expect((await reply.text()).length).toBe(LARGE);
    }
  });
});
