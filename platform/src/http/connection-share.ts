// Limits how many connections one address may hold, so that a single client cannot hold all connections of the server.
import type { Server, Socket } from 'node:net';
import { networkOf } from './network.ts';

export interface ConnectionShare {
  readonly maxPerAddress: number;
  /** Called for each refused connection. */
  readonly onRefused: () => void;
}

/**
 * Resets each connection that an address opens beyond its share, before a byte of it is read. A reset connection keeps no memory,
 * neither in this process nor in the kernel.
 */
export function shareConnections(server: Server, { maxPerAddress, onRefused }: ConnectionShare): void {
  const held = new Map<string, number>();
  // Runs before the server's own listener, which creates a parser.
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
