// For tests: bytes to a server and back, for what no HTTP client would send.
import { connect } from 'node:net';

/** Sends `parts` over a connection of its own, and gives what came back once the server has closed it. */
export function raw(port: number, ...parts: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    let reply = '';
    const socket = connect(port, '127.0.0.1', () => {
      for (const part of parts) socket.write(part);
    });
    socket.setEncoding('utf8').on('data', (part) => {
      reply += part;
    });
    socket.on('close', () => resolve(reply)).on('error', reject);
  });
}
