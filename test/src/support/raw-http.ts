// Requests that a test writes byte by byte, because no HTTP client sends them.
import { connect, type Socket } from 'node:net';

/** Opens a connection to the server of `url`. */
export async function openSocket(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => resolve(socket));
    socket.once('error', reject);
  });
}

/**
 * Sends `parts` unchanged and returns all bytes that come back until the server closes the connection, or until no byte has come for
 * `quietMs`. A connection that is reset counts as closed.
 */
export async function sendRaw(
  url: string,
  parts: readonly (string | Buffer)[],
  { quietMs = 1_500, end = false } = {},
): Promise<string> {
  const socket = await openSocket(url);
  const received: Buffer[] = [];
  return new Promise((resolve) => {
    const finish = () => {
      socket.destroy();
      resolve(Buffer.concat(received).toString('latin1'));
    };
    socket.on('error', finish).on('close', finish);
    socket.setTimeout(quietMs, finish);
    socket.on('data', (chunk: Buffer) => received.push(chunk));
    for (const part of parts) socket.write(part);
    if (end) socket.end();
  });
}

/** The statuses of all replies in the received bytes, in order. */
export const statusesIn = (received: string): number[] =>
  [...received.matchAll(/(?:^|\n|\}|>)HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));

/** The head of a request, with `lines` as its header fields. The caller appends the body. */
export const head = (method: string, path: string, ...lines: string[]): string =>
  [`${method} ${path} HTTP/1.1`, 'Host: localhost', ...lines, '', ''].join('\r\n');
