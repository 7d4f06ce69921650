// A TCP proxy in front of a service that can lose a reply: the service receives the request and executes it, and the proxy
// disconnects the caller when the first byte of the reply comes back.
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export interface CuttingProxy {
  /** The URL of the proxy, without a path. */
  readonly url: string;
  /** Loses the next reply. Runs `then` while the caller still waits, and resolves when the reply is lost. */
  loseNextReply(then?: () => Promise<void>): Promise<void>;
  stop(): Promise<void>;
}

/** @param port of the service on this machine */
export async function startCuttingProxy(port: number): Promise<CuttingProxy> {
  const sockets = new Set<Socket>();
  let lose: (() => Promise<void>) | undefined;

  const server = createServer((caller) => {
    const service = connect(port, '127.0.0.1');
    for (const [socket, peer] of [
      [caller, service],
      [service, caller],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        peer.destroy();
      });
    }
    caller.pipe(service);
    service.on('data', (reply) => {
      if (lose === undefined) return void caller.write(reply);
      const losing = lose;
      lose = undefined;
      service.pause();
      void losing().then(() => caller.destroy());
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the proxy has no port');

  return {
    url: `http://127.0.0.1:${address.port}`,
    loseNextReply: (then = async () => undefined) =>
      new Promise((resolve, reject) => {
        lose = () =>
          then().then(resolve, (error: unknown) => {
            reject(error);
          });
      }),
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
