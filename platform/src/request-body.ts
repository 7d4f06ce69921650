// The body of a request: read whole, within a bound, and never unpacked.
import type { IncomingMessage } from 'node:http';
import { HttpFault, LAST_REPLY, MalformedBody } from './http-fault.ts';

const NOT_UNPACKED = { ...LAST_REPLY, 'accept-encoding': 'identity' };

/**
 * The bytes of the body.
 * @param cut aborted with a fault when the rest of the body cannot be read
 * @throws {HttpFault} 413 beyond `maxBytes`, 415 for an encoding, 400 when the body ends early, and what `cut` says
 */
export async function readBody(
  message: IncomingMessage,
  maxBytes: number,
  cut: AbortSignal,
): Promise<Buffer> {
  const tooLarge = new HttpFault(413, `A body of at most ${maxBytes} bytes is expected.`, LAST_REPLY);
  // Nothing is unpacked, so that what is counted is what is kept.
  const encoding = message.headers['content-encoding']?.toLowerCase() ?? 'identity';
  if (encoding !== 'identity') {
    throw new HttpFault(415, 'A body without Content-Encoding is expected.', NOT_UNPACKED);
  }
  if (Number(message.headers['content-length'] ?? 0) > maxBytes) throw tooLarge;
  return Promise.race([collect(message, maxBytes, tooLarge), rejectionBy(cut)]);
}

async function collect(message: IncomingMessage, maxBytes: number, tooLarge: HttpFault): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of message as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxBytes) throw tooLarge;
      chunks.push(chunk);
    }
  } catch (error) {
    if (error === tooLarge) throw error;
    throw new MalformedBody('The body ended before it was whole.', LAST_REPLY);
  }
  return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
}

function rejectionBy(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
