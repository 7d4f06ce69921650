// Requests that Node's parser refuses, or that do not come in time. Node would answer them with a bare status line;
// here they get a reply in the words of the server, and the requests before them on the connection get theirs first.
import { type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { HttpFault, LAST_REPLY, MalformedBody } from './http-fault.ts';

interface Exchange {
  readonly message: IncomingMessage;
  readonly response: ServerResponse;
  readonly body: AbortController;
}

interface Connection {
  /** The request whose head came last. */
  latest: Exchange;
  /** In the order in which they came. */
  readonly unanswered: Set<Exchange>;
}

/** A reply that is written to the connection as it is. */
export interface RawReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Tells of a request whose head was read. The signal is aborted with a fault when its body cannot be read. */
export type Begin = (message: IncomingMessage, response: ServerResponse) => AbortSignal;

/**
 * Answers what `server` cannot read, and closes the connection.
 * @param refusal the reply to a request of which nothing is known
 */
export function answerUnreadRequests(
  server: Server,
  maxHeaderBytes: number,
  refusal: (fault: HttpFault) => RawReply,
): Begin {
  const connections = new WeakMap<Duplex, Connection>();
  const ended = new WeakSet<Duplex>();

  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (socket.destroyed || ended.has(socket)) return;
    ended.add(socket);
    const connection = connections.get(socket);
    const isBody = connection !== undefined && !connection.latest.message.complete;
    const fault = faultOf(error.code, isBody, maxHeaderBytes);
    // The handler that waits for the body answers with the fault; one that does not wait has its own answer.
    if (isBody) connection.latest.body.abort(fault);
    const close = () => {
      if (socket.writable) socket.end(isBody ? '' : textOf(refusal(fault)), () => socket.destroy());
      else socket.destroy();
    };
    const last = [...(connection?.unanswered ?? [])].at(-1);
    if (last) last.response.once('close', close);
    else close();
  });

  return (message, response) => {
    const exchange: Exchange = { message, response, body: new AbortController() };
    const connection = connections.get(message.socket) ?? { latest: exchange, unanswered: new Set() };
    connection.latest = exchange;
    connection.unanswered.add(exchange);
    connections.set(message.socket, connection);
    response.once('close', () => connection.unanswered.delete(exchange));
    return exchange.body.signal;
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
function faultOf(code: string | undefined, isBody: boolean, maxHeaderBytes: number): HttpFault {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new HttpFault(
        431,
        `A request line and header fields of at most ${maxHeaderBytes} bytes together are expected.`,
        LAST_REPLY,
      );
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new HttpFault(413, 'Chunks without long extensions are expected.', LAST_REPLY);
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new HttpFault(408, 'A request that comes whole in time is expected.', LAST_REPLY);
    default:
      return isBody
        ? new MalformedBody('A body that is whole, or in well-formed chunks, is expected.', LAST_REPLY)
        : new HttpFault(400, 'A well-formed request of HTTP/1.1 is expected.', LAST_REPLY);
  }
}
