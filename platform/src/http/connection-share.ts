// How many of a server's connections one address may hold, so that a single client cannot hold all of them.
import type { Server, Socket } from 'node:net';
import { networkOf } from './network.ts';

export interface ConnectionShare {
  readonly maxPerAddress: number;
  /** Told of every connection that is refused. */
  readonly onRefused: () => void;
}

/**
 * Resets each connection that an address opens beyond its share, before a byte of it is read: nothing of a connection
 * that is reset is left, here or in the kernel.
 */
export function shareConnections(server: Server, { maxPerAddress, onRefused }: ConnectionShare): void {
  const held = new Map<string, number>();
  // Ahead of the server's own listener, which makes a parser.
  server.prependListener('connection', (socket: Socket) => {
    const network = networkOf(socket.remoteAddress ?? '') ?? 'unknown';
    const count = (held.get(network) ?? 0) + 1;
    if (count > maxPerAddress) {
      onRefused();
      socket.resetAndDestroy();
      return;
    }
    held.set(network, count);
    socket.once('close', () => {
      const left = (held.get(network) ?? 1) - 1;
      if (left > 0) held.set(network, left);
      else held.delete(network);
    });
  });
}
