// Replies are values; this writes them to their connections.
import type { ReceivedRequest } from './request.ts';
import type { UnreadReplies } from './unread-replies.ts';

export const REQUEST_ID_HEADER = 'x-request-id';

export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text in UTF-8, or bytes. */
  readonly body?: string | Buffer;
}

type OutgoingFields = Record<string, number | string | string[] | undefined>;

/** The fields of the reply, after those that plugins have set in their hooks. The values of `Vary` are joined. */
function mergeHeaders(request: ReceivedRequest, { headers = {} }: Reply): OutgoingFields {
  const all: OutgoingFields = request.reply.getHeaders();
  // Fastify closes the connection after each body that it cannot parse, even when the body was read to its end.
  if (all['connection'] !== undefined) delete all['connection'];
  const { vary } = all;
  Object.assign(all, headers);
  if (vary !== undefined && headers['vary'] !== undefined) all['vary'] = `${headers['vary']}, ${vary}`;
  all[REQUEST_ID_HEADER] = request.requestId;
  return all;
}

/** Writes the reply, unless the client has gone. @param last whether the connection closes after it */
export function send(request: ReceivedRequest, reply: Reply, last: boolean, unread: UnreadReplies): void {
  const { response, socket } = request;
  if (response.destroyed || response.headersSent) return;
  const headers = mergeHeaders(request, reply);
  if (last) headers['connection'] = 'close';
  const size = reply.body === undefined ? 0 : Buffer.byteLength(reply.body);
  if (reply.body !== undefined || (reply.status !== 204 && reply.status !== 304))
    headers['content-length'] = size;
  response.writeHead(reply.status, headers);
  const body = request.method === 'HEAD' ? undefined : reply.body;
  response.end(body);
  // The kernel has taken most replies by now; those need no count.
  if (body !== undefined && response.writableLength > 0) unread.add(socket, response, size);
}
