// Reads the whole body of a request, up to a limit, and never decompresses it. It uses listeners and one promise: an async iterator,
// a race of promises and an error object for each body would cost as much as the rest of the server.
import type { IncomingMessage } from 'node:http';
import { came } from '../validation.ts';
import { HttpError, LAST_REPLY, MalformedBody } from './error.ts';

const NOT_UNPACKED = { ...LAST_REPLY, 'accept-encoding': 'identity' };

const createTooLargeError = (maxBytes: number): HttpError =>
  new HttpError(413, `The body: expected at most ${maxBytes} bytes, got more.`, LAST_REPLY);

const createIncompleteError = (): MalformedBody =>
  new MalformedBody('The body ended before it was complete.', LAST_REPLY);

/** The error of a body that is not read at all. */
function findBodyError({ headers }: IncomingMessage, maxBytes: number): HttpError | undefined {
  // The size limit counts the bytes that are kept, so no body is decompressed.
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity')
    return new HttpError(
      415,
      `Content-Encoding: expected none or identity, got ${came(encoding)}.`,
      NOT_UNPACKED,
    );
  return Number(headers['content-length'] ?? 0) > maxBytes ? createTooLargeError(maxBytes) : undefined;
}

/**
 * Reads the bytes of the body.
 * @param untilCut receives a function to call with an error when the rest of the body cannot be read
 * @throws {HttpError} 413 beyond `maxBytes`, 415 for an encoding, 400 when the body ends early, and the error given to `untilCut`'s function
 */
export function readBody(
  message: IncomingMessage,
  maxBytes: number,
  untilCut: (giveUp: (error: HttpError) => void) => void,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const error = findBodyError(message, maxBytes);
    if (error) return reject(error);
    untilCut(reject);
    if (message.readableEnded) return resolve(Buffer.alloc(0));
    if (message.destroyed) return reject(createIncompleteError());
    collect(message, maxBytes, resolve, reject);
  });
}

function collect(
  message: IncomingMessage,
  maxBytes: number,
  resolve: (body: Buffer) => void,
  reject: (error: HttpError) => void,
): void {
  const chunks: Buffer[] = [];
  let size = 0;
  message.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= maxBytes) {
      chunks.push(chunk);
      return;
    }
    // The connection closes after the reply, so the rest need not be read.
    message.pause();
    reject(createTooLargeError(maxBytes));
  });
  message.on('end', () => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)));
  message.on('error', () => reject(createIncompleteError()));
}
