// An address that leads to one server and can be moved to another, as a Service of Kubernetes can. Only connections that are made
// after the move go to the new server.
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export interface MovingAddress {
  /** The URL of the first server, with this address in it. */
  readonly url: string;
  /** Sends new connections to the server of this URL. Existing connections stay where they are. */
  moveTo(url: string): void;
  close(): Promise<void>;
}

export async function startMovingAddress(firstUrl: string): Promise<MovingAddress> {
  let target = new URL(firstUrl);
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    for (const [socket, peer] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.pipe(peer);
      socket
        .on('error', () => undefined)
        .on('close', () => {
          sockets.delete(socket);
          peer.destroy();
        });
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const own = new URL(firstUrl);
  own.port = String(typeof address === 'object' && address ? address.port : 0);
  return {
    url: own.href,
    moveTo: (url) => {
      target = new URL(url);
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      const closed = once(server, 'close');
      server.close();
      await closed;
    },
  };
}
