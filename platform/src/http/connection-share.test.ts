// The share of a server's connections that one address may hold.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, expect, it } from '@jest/globals';
import { createLogger } from '../observability/log.ts';
import { createHttpServer, type HttpServer } from './server.ts';

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

it('is all that it gets: the next connection is reset, while other addresses are served', async () => {
  const port = await serve();
  for (let opened = 0; opened < MAX; opened += 1) expect(await isServed(port, '127.0.0.1')).toBe(true);
  for (let tries = 0; tries < 50; tries += 1) expect(await isServed(port, '127.0.0.1')).toBe(false);
  expect(refused).toBe(50);
  for (let opened = 0; opened < MAX; opened += 1) expect(await isServed(port, '127.0.0.2')).toBe(true);
  expect(await isServed(port, '127.0.0.2')).toBe(false);
});

it('is free again when its connections are gone, however they went', async () => {
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
