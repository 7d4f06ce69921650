// A collector of traces that is away or hangs delays no request and no shutdown.
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { eventually } from '../support/client.ts';
import { askSubgraph } from '../support/subgraph.ts';
import { client, receiver, system } from './watched-shop.ts';

describe('with a collector that is away or hangs', () => {
  const linesOf = (service: string) =>
    system
      .logs()
      .map((line) => JSON.parse(line))
      .filter((line) => line.service === service);

  /** `terminate` kills a process that does not end within 25 s, and a killed process does not log that it ended. */
  async function expectGoodEnd(service: 'gateway' | 'orders'): Promise<void> {
    await system.terminate(service);
    expect(linesOf(service).at(-1)?.msg).toBe('ended');
    expect(linesOf(service).filter(({ level }) => level === 'fatal')).toEqual([]);
  }

  it('a service logs once that traces are lost, and ends in time and without an error', async () => {
    const before = linesOf('orders').length;
    const findLost = () =>
      linesOf('orders')
        .slice(before)
        .filter(({ msg }) => msg === 'traces cannot be sent and are lost');
    await receiver.stop();
    await askSubgraph(system, 'orders', { query: '{ __typename }' });
    await eventually(
      async () => findLost().length,
      (count) => count > 0,
    );
    for (let count = 0; count < 2; count += 1)
      await askSubgraph(system, 'orders', { query: '{ __typename }' });
    await expectGoodEnd('orders');
    expect(findLost()).toHaveLength(1);
    expect(findLost()[0]).not.toHaveProperty('trace_id');
  });

  it('the gateway ends in time and without an error', async () => {
    const sockets = new Set<Socket>();
    let received = '';
    const hanging = createServer((socket) => {
      sockets.add(socket);
      socket.on('data', (chunk) => (received += chunk)).on('error', () => undefined);
    });
    await once(hanging.listen(Number(new URL(receiver.url).port), '127.0.0.1'), 'listening');
    try {
      await client.rest('GET', '/products');
      await eventually(
        async () => received,
        (text) => text.includes('{"key":"service.name","value":{"stringValue":"gateway"}}'),
      );
      await expectGoodEnd('gateway');
    } finally {
      for (const socket of sockets) socket.destroy();
      hanging.close();
    }
  });
});
