// A collector that hangs, and one that is not there: nobody waits for them, and the log says so once.
import { createServer, type Server, type Socket } from 'node:net';
import { freePort } from '@holdfast/local/processes/ports';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Client, eventually } from '../support/client.ts';
import { type System, startSystem } from '../support/system.ts';

let hanging: Server;
const sockets = new Set<Socket>();
let bytes = 0;
let system: System;
let client: Client;

beforeAll(async () => {
  hanging = createServer((socket) => {
    sockets.add(socket);
    socket.on('data', (chunk) => (bytes += chunk.length)).on('error', () => undefined);
  });
  await new Promise<void>((resolve) => hanging.listen(0, '127.0.0.1', resolve));
  const address = hanging.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const away = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await freePort()}` };
  system = await startSystem({
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`, OTEL_BSP_SCHEDULE_DELAY: '50' },
    environment: { orders: away, users: { ...away, OTEL_EXPORTER_OTLP_TIMEOUT: '200' } },
  });
  client = await Client.of(system.url);
}, 60_000);
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  hanging?.close();
  await system?.stop();
});

const linesOf = (service: string) =>
  system
    .logs()
    .map((line) => JSON.parse(line))
    .filter((line) => line.service === service);

it('says once that traces are lost', async () => {
  const lost = () => linesOf('users').filter(({ msg }) => msg === 'traces cannot be sent and are lost');
  await client.account();
  await eventually(
    async () => lost().length,
    (count) => count > 0,
  );
  await client.account();
  await client.account();
  expect(lost()).toHaveLength(1);
  expect(lost()[0]).not.toHaveProperty('trace_id');
});

it.each(['gateway', 'orders'] as const)('%s ends in its time, and as it should', async (service) => {
  await client.graphql('{ products(first: 1) { edges { cursor } } orders { edges { cursor } } }');
  await eventually(
    async () => bytes,
    (count) => count > 0,
  );
  const startedAt = performance.now();
  await system.terminate(service);
  expect(performance.now() - startedAt).toBeLessThan(8_000);
  const lines = linesOf(service);
  expect(lines.at(-1)?.msg).toBe('ended');
  expect(lines.filter(({ level }) => level === 'fatal')).toEqual([]);
  if (service === 'gateway') await system.restart(service);
});
