// Answers requests that Node's parser refuses, or that do not arrive in time. Node would send a bare status line; this sends a
// reply in the form of the server, after the replies to the earlier requests of the connection.
import { STATUS_CODES } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { HttpError, LAST_REPLY, MalformedBody } from './error.ts';
import type { ReceivedRequest } from './request.ts';

/** A reply that is written to the connection directly. */
export interface RawReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

export interface UnreadRequests {
  /** Notes a request whose head has been read. */
  readonly begin: (request: ReceivedRequest) => void;
  /** Answers a request that cannot be read and closes its connection. A listener of the server's event `clientError`. */
  readonly refuse: (error: NodeJS.ErrnoException, socket: Duplex) => void;
}

/** @param createReply makes the reply to a request of which only the sender's address is known */
export function createUnreadRequests(
  maxHeaderBytes: number,
  createReply: (error: HttpError, remoteAddress: string) => RawReply,
): UnreadRequests {
  /** By connection: the request whose head was read last. Earlier requests are answered before it. */
  const latest = new WeakMap<Duplex, ReceivedRequest>();
  const ended = new WeakSet<Duplex>();

  return {
    begin: (request) => {
      latest.set(request.socket, request);
    },
    refuse: ({ code }, socket) => {
      if (socket.destroyed || ended.has(socket)) return;
      ended.add(socket);
      const last = latest.get(socket);
      const isBody = last !== undefined && !last.message.complete;
      const error = toHttpError(code, isBody, maxHeaderBytes);
      // A handler that waits for the body replies with the error; one that does not wait sends its own reply.
      if (isBody) last.cut(error);
      const close = () => {
        if (socket.writable)
          socket.end(isBody ? '' : formatReply(createReply(error, addressOf(socket))), () =>
            socket.destroy(),
          );
        else socket.destroy();
      };
      if (last && !last.response.destroyed) last.response.once('close', close);
      else close();
    },
  };
}

function formatReply({ status, headers, body }: RawReply): string {
  const fields = {
    ...headers,
    ...LAST_REPLY,
    date: new Date().toUTCString(),
    'content-length': Buffer.byteLength(body),
  };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}`);
  return [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`, ...lines, '', body].join('\r\n');
}

/** The error for the caller, by Node's code. */
function toHttpError(code: string | undefined, isBody: boolean, maxHeaderBytes: number): HttpError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new HttpError(
        431,
        `The request line and header fields: expected at most ${maxHeaderBytes} bytes together, got more.`,
        LAST_REPLY,
      );
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new HttpError(413, 'The body: expected chunks without long extensions.', LAST_REPLY);
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new HttpError(408, 'The request was not complete in time.', LAST_REPLY);
    default:
      return isBody
        ? new MalformedBody('The body: expected a complete body, or well-formed chunks.', LAST_REPLY)
        : new HttpError(400, 'Expected a well-formed request of HTTP/1.1.', LAST_REPLY);
  }
}

const addressOf = (socket: Duplex): string => (socket instanceof Socket && socket.remoteAddress) || '';
