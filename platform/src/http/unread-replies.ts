// Limits the replies that were written and that their clients have not read yet, because they stay in the memory of this process.
// Past the limit of all connections together, the connection that holds most for longest is closed. To refuse new replies
// instead would let a few clients that do not read stop the replies to all others.
import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Logger } from '../observability/log.ts';
import { Counter, liveGauge, registry } from '../observability/metrics.ts';

export interface UnreadReplies {
  /**
   * Counts a reply whose body of `bytes` bytes has just been written, until the kernel has taken all of it.
   * @param socket the connection of the request, because a reply that waits behind others has none yet
   */
  add(socket: Socket, response: ServerResponse, bytes: number): void;
}

export interface UnreadRepliesOptions {
  readonly server: Server;
  readonly maxBytes: number;
  readonly log: Logger;
}

/** How much one connection holds, and since when (a time of `performance.now()`). */
interface Unread {
  bytes: number;
  readonly since: number;
}

const ended = new Counter({
  name: 'http_unread_replies_ended_total',
  help: 'Connections that were closed because their clients did not read while too much was unread in total.',
  registers: [registry],
});

/** The sum over all servers of this process. */
let unreadBytes = 0;
liveGauge(
  'http_unread_reply_bytes',
  'Bytes of replies that were written and that their clients have not read yet.',
)(() => unreadBytes);

/** Follows the replies of one server. */
export function createUnreadReplies({ server, maxBytes, log }: UnreadRepliesOptions): UnreadReplies {
  const unreadBySocket = new Map<Socket, Unread>();
  let total = 0;

  function change(by: number): void {
    total += by;
    unreadBytes += by;
  }

  function forget(socket: Socket): void {
    change(-(unreadBySocket.get(socket)?.bytes ?? 0));
    unreadBySocket.delete(socket);
  }

  /** Takes a reply off the count when its client has read it. */
  function settle(socket: Socket, unread: Unread, bytes: number): void {
    if (unreadBySocket.get(socket) !== unread) return;
    unread.bytes -= bytes;
    change(-bytes);
    if (unread.bytes === 0) unreadBySocket.delete(socket);
  }

  function endSlowest(): void {
    const now = performance.now();
    // A fast reader may hold many bytes, but not for long.
    const weight = ({ bytes, since }: Unread) => bytes * (now - since + 1);
    let slowest: [Socket, Unread] | undefined;
    for (const each of unreadBySocket) if (!slowest || weight(each[1]) > weight(slowest[1])) slowest = each;
    if (!slowest) return;
    const [socket, { bytes, since }] = slowest;
    forget(socket);
    socket.destroy();
    ended.inc();
    log.warn(
      { bytes, ms: Math.round(now - since) },
      'a connection was closed because its client does not read',
    );
  }

  // Replies that wait behind others on a connection emit no event when it closes.
  server.on('connection', (socket) => socket.once('close', () => forget(socket)));

  return {
    add: (socket, response, bytes) => {
      if (socket.destroyed) return;
      const unread = unreadBySocket.get(socket) ?? { bytes: 0, since: performance.now() };
      unreadBySocket.set(socket, unread);
      unread.bytes += bytes;
      change(bytes);
      response.once('finish', () => settle(socket, unread, bytes));
      while (total > maxBytes && unreadBySocket.size > 0) endSlowest();
    },
  };
}
