// A proxy in front of PostgreSQL that can hold back all bytes, as a partition of the network does: connections stay open, and the
// bytes arrive when the partition ends, even those of clients that have disconnected in the meantime.
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export interface StallingProxy {
  /** The URL of PostgreSQL, by way of the proxy. */
  readonly url: string;
  /** Holds back all bytes of the open connections, and with `all` those of new connections too. */
  stall(all: boolean): void;
  /** Delivers the bytes that were held back. */
  resume(): void;
  close(): Promise<void>;
}

class Pair {
  readonly #client: Socket;
  readonly #server: Socket;
  #held: Buffer[] | undefined;
  #hasHungUp = false;

  constructor(client: Socket, server: Socket) {
    this.#client = client;
    this.#server = server;
    client.on('data', (data) => (this.#held ? this.#held.push(data) : server.write(data)));
    client.on('error', () => undefined).on('close', () => this.#hangUp());
    server.on('data', (data) => client.write(data));
    server.on('error', () => undefined).on('close', () => client.destroy());
  }

  stall(): void {
    this.#held ??= [];
  }

  resume(): void {
    for (const data of this.#held ?? []) this.#server.write(data);
    this.#held = undefined;
    if (this.#hasHungUp) this.#server.end();
  }

  destroy(): void {
    this.#client.destroy();
    this.#server.destroy();
  }

  #hangUp(): void {
    this.#hasHungUp = true;
    if (!this.#held) this.#server.end();
  }
}

export async function startStallingProxy(url: string): Promise<StallingProxy> {
  const target = new URL(url);
  const pairs = new Set<Pair>();
  let stallsNew = false;
  const server = createServer((client) => {
    const pair = new Pair(client, connect(Number(target.port), target.hostname));
    if (stallsNew) pair.stall();
    pairs.add(pair);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const own = new URL(url);
  own.port = String(typeof address === 'object' && address ? address.port : 0);
  return {
    url: own.href,
    stall: (all) => {
      stallsNew = all;
      for (const pair of pairs) pair.stall();
    },
    resume: () => {
      stallsNew = false;
      for (const pair of pairs) pair.resume();
    },
    close: async () => {
      for (const pair of pairs) pair.destroy();
      const closed = once(server, 'close');
      server.close();
      await closed;
    },
  };
}
