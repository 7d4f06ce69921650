// Requests that Node's parser refuses, or that do not come in time. Node would answer them with a bare status line;
// here they get a reply in the words of the server, and the requests before them on the connection get theirs first.
import { STATUS_CODES } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { HttpError, LAST_REPLY, MalformedBody } from './error.ts';
import type { ReceivedRequest } from './request.ts';

/** A reply that is written to the connection as it is. */
export interface RawReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

export interface UnreadRequests {
  /** Tells of a request whose head was read. */
  readonly begin: (request: ReceivedRequest) => void;
  /** Answers what cannot be read on a connection, as a listener of the server's `clientError`, and closes it. */
  readonly refuse: (error: NodeJS.ErrnoException, socket: Duplex) => void;
}

/** @param refusal the reply to a request of which nothing is known but who sent it */
export function createUnreadRequests(
  maxHeaderBytes: number,
  refusal: (error: HttpError, remoteAddress: string) => RawReply,
): UnreadRequests {
  /** By connection: the request whose head came last. Those before it are answered before it. */
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
      const error = errorOf(code, isBody, maxHeaderBytes);
      // The handler that waits for the body answers with the error; one that does not wait has its own answer.
      if (isBody) last.cut(error);
      const close = () => {
        if (socket.writable)
          socket.end(isBody ? '' : textOf(refusal(error, addressOf(socket))), () => socket.destroy());
        else socket.destroy();
      };
      if (last && !last.response.destroyed) last.response.once('close', close);
      else close();
    },
  };
}

function textOf({ status, headers, body }: RawReply): string {
  const fields = {
    ...headers,
    ...LAST_REPLY,
    date: new Date().toUTCString(),
    'content-length': Buffer.byteLength(body),
  };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}`);
  return [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`, ...lines, '', body].join('\r\n');
}

/** What Node's code for the error says to the caller. */
function errorOf(code: string | undefined, isBody: boolean, maxHeaderBytes: number): HttpError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new HttpError(
        431,
        `A request line and header fields of at most ${maxHeaderBytes} bytes together are expected.`,
        LAST_REPLY,
      );
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new HttpError(413, 'Chunks without long extensions are expected.', LAST_REPLY);
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new HttpError(408, 'A request that comes whole in time is expected.', LAST_REPLY);
    default:
      return isBody
        ? new MalformedBody('A body that is whole, or in well-formed chunks, is expected.', LAST_REPLY)
        : new HttpError(400, 'A well-formed request of HTTP/1.1 is expected.', LAST_REPLY);
  }
}

const addressOf = (socket: Duplex): string => (socket instanceof Socket && socket.remoteAddress) || '';
