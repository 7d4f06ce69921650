// Connections between services, on real servers at several addresses of this machine: 127.0.0.1, 127.0.0.2 and so on.
import { createServer, type Server } from 'node:http';
import type { LookupFunction, Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { Pool } from 'undici';
import { createHttpPool, type HttpPoolOptions, MAX_IDLE_MS } from './client.ts';

interface Instance {
  readonly address: string;
  readonly sockets: Set<Socket>;
  requests: number;
}

const servers: Server[] = [];
let pool: Pool | undefined;
afterEach(async () => {
  await pool?.close();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function startInstance(address: string, port: number, takesMs: number): Promise<Instance> {
  const instance: Instance = { address, sockets: new Set(), requests: 0 };
  const server = createServer({ keepAliveTimeout: 60_000 }, (_, response) => {
    instance.requests += 1;
    setTimeout(() => response.end(address), takesMs);
  });
  server.on('connection', (socket) => instance.sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(port, address, resolve));
  servers.push(server);
  return instance;
}

/** One instance an address, all on the same port. */
async function startInstances(addresses: readonly string[], takesMs = 1): Promise<[Instance[], number]> {
  const instances: Instance[] = [];
  let port = 0;
  for (const address of addresses) {
    instances.push(await startInstance(address, port, takesMs));
    const bound = servers.at(-1)?.address();
    port = typeof bound === 'object' && bound ? bound.port : 0;
  }
  return [instances, port];
}

/** A resolver that always gives the same order, as the system's does. */
const resolver =
  (addresses: () => readonly string[]): LookupFunction =>
  (_, __, callback) =>
    callback(
      null,
      addresses().map((address) => ({ address, family: 4 })),
    );

function open(port: number, options: Partial<HttpPoolOptions>): Pool {
  pool = createHttpPool({
    url: `http://products.test:${port}/graphql`,
    connections: 12,
    maxAgeMs: 60_000,
    ...options,
  });
  return pool;
}

const ask = async (from: Pool) =>
  (
    await from.request({ path: '/', method: 'POST', body: '{}', signal: AbortSignal.timeout(10_000) })
  ).body.text();

/** Asks with `callers` at a time until told to stop; resolves to the number of replies, or fails with the first error. */
async function askUntil(from: Pool, callers: number, done: () => boolean): Promise<number> {
  let replies = 0;
  const caller = async () => {
    while (!done()) {
      await ask(from);
      replies += 1;
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return replies;
}

describe('connections between services', () => {
  it('spread over every address of a name', async () => {
    const addresses = ['127.0.0.1', '127.0.0.2', '127.0.0.3'];
    const [instances, port] = await startInstances(addresses, 50);
    const from = open(port, { lookup: resolver(() => addresses) });
    await Promise.all(Array.from({ length: 12 }, () => ask(from)));
    expect(instances.map(({ sockets }) => sockets.size)).toEqual([4, 4, 4]);
  });

  it('skip an address without a server', async () => {
    const [instances, port] = await startInstances(['127.0.0.1', '127.0.0.3'], 50);
    const from = open(port, { lookup: resolver(() => ['127.0.0.1', '127.0.0.2', '127.0.0.3', '127.0.0.4']) });
    await Promise.all(Array.from({ length: 12 }, () => ask(from)));
    for (const { sockets } of instances) expect(sockets.size).toBeGreaterThan(0);
  });

  it('move to the new addresses of a name within their maximum age, without losing a request', async () => {
    const [[before, after], port] = await startInstances(['127.0.0.1', '127.0.0.2']);
    let addresses = ['127.0.0.1'];
    const from = open(port, { connections: 4, maxAgeMs: 300, lookup: resolver(() => addresses) });
    let done = false;
    const asking = askUntil(from, 4, () => done);
    await pause(200);
    addresses = ['127.0.0.2'];
    // The connection that is opened at this very moment has all of its age before it.
    await pause(600);
    const served = before?.requests;
    await pause(300);
    done = true;
    await asking;
    expect(served).toBeGreaterThan(0);
    expect(before?.requests).toBe(served);
    expect(after?.requests).toBeGreaterThan(0);
  });

  it('lose no queued request when they reach their maximum age', async () => {
    const [[instance], port] = await startInstances(['127.0.0.1'], 5);
    const from = open(port, { connections: 2, maxAgeMs: 40, lookup: resolver(() => ['127.0.0.1']) });
    const until = performance.now() + 1_000;
    const replies = await askUntil(from, 32, () => performance.now() > until);
    expect(instance?.requests).toBe(replies);
    expect(instance?.sockets.size).toBeGreaterThan(10);
  });

  it('are closed by the client when they idle, even when the server would keep them', async () => {
    const [[instance], port] = await startInstances(['127.0.0.1']);
    await ask(open(port, { lookup: resolver(() => ['127.0.0.1']) }));
    const [socket] = instance?.sockets ?? [];
    const closed = new Promise((resolve) => socket?.once('close', resolve));
    const from = performance.now();
    await closed;
    expect(performance.now() - from).toBeLessThan(MAX_IDLE_MS * 3);
  });
});
