// Replies as values, and how one is written to its connection.
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { UnreadReplies } from './unread-replies.ts';

export const REQUEST_ID_HEADER = 'x-request-id';

export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface Sending {
  /** The connection of the request. */
  readonly socket: Socket;
  readonly requestId: string;
  /** Whether the connection ends with this reply. */
  readonly last: boolean;
  readonly unread: UnreadReplies;
}

/** Writes the reply, unless the client has gone. */
export function send(
  response: ServerResponse,
  reply: Reply,
  { socket, requestId, last, unread }: Sending,
): void {
  if (response.destroyed || response.headersSent) return;
  const headers: Record<string, string | number> = { ...reply.headers, [REQUEST_ID_HEADER]: requestId };
  if (last) headers['connection'] = 'close';
  const size = reply.body === undefined ? 0 : Buffer.byteLength(reply.body);
  if (reply.body !== undefined || (reply.status !== 204 && reply.status !== 304))
    headers['content-length'] = size;
  response.writeHead(reply.status, headers);
  const body = response.req.method === 'HEAD' ? undefined : reply.body;
  if (body !== undefined) unread.add(socket, response, size);
  response.end(body);
}
