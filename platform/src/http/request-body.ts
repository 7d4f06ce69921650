// The body of a request: read whole, within a bound, and never unpacked. Listeners and one promise, because an iterator over
// the message, a race with what may cut it off and an error that is made for every body cost as much as the rest of the
// server does.
import type { IncomingMessage } from 'node:http';
import { HttpError, LAST_REPLY, MalformedBody } from './error.ts';

const NOT_UNPACKED = { ...LAST_REPLY, 'accept-encoding': 'identity' };

const tooLarge = (maxBytes: number): HttpError =>
  new HttpError(413, `A body of at most ${maxBytes} bytes is expected.`, LAST_REPLY);

const endedEarly = (): MalformedBody => new MalformedBody('The body ended before it was whole.', LAST_REPLY);

/** Why the body is not read at all. */
function refusalOf({ headers }: IncomingMessage, maxBytes: number): HttpError | undefined {
  // Nothing is unpacked, so that what is counted is what is kept.
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity')
    return new HttpError(415, 'A body without Content-Encoding is expected.', NOT_UNPACKED);
  return Number(headers['content-length'] ?? 0) > maxBytes ? tooLarge(maxBytes) : undefined;
}

/**
 * The bytes of the body.
 * @param untilCut takes what is called with an error when the rest of the body cannot be read
 * @throws {HttpError} 413 beyond `maxBytes`, 415 for an encoding, 400 when the body ends early, and what `untilCut` says
 */
export function readBody(
  message: IncomingMessage,
  maxBytes: number,
  untilCut: (giveUp: (error: HttpError) => void) => void,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const refusal = refusalOf(message, maxBytes);
    if (refusal) return reject(refusal);
    untilCut(reject);
    if (message.readableEnded) return resolve(Buffer.alloc(0));
    if (message.destroyed) return reject(endedEarly());
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
    // The connection ends with the reply, so the rest need not be read.
    message.pause();
    reject(tooLarge(maxBytes));
  });
  message.on('end', () => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)));
  message.on('error', () => reject(endedEarly()));
}
