// The largest reply that the gateway reads and gives. What the subgraphs send for one request is added up, because it is
// in memory together; the finished reply is looked at once more.
import { AppError } from '@holdfast/platform/errors';
import type { Reply } from '@holdfast/platform/http/server';
import { countRefusal } from '../too-much.ts';

export interface ReplySizes {
  /** The most that a reply may have, bytes. */
  readonly max: number;
  /** Adds the reply of a subgraph to what has come, and says whether that is not too much in all. */
  add(received: Received, bytes: number, isMutation: boolean): boolean;
  /** Counts a reply that is too large, and gives the error. */
  refuse(received: Received, isMutation?: boolean): AppError;
  /** Gives the reply. @throws {AppError} QUERY_TOO_COMPLEX when it is too large */
  check(received: Received, reply: Reply): Reply;
}

/** What the subgraphs have sent for one request so far. */
export interface Received {
  bytes: number;
  /** Whether a reply to a mutation is among it, which has been executed then. */
  isMutation: boolean;
}

export const nothingReceived = (): Received => ({ bytes: 0, isMutation: false });

export function createReplySizes(max: number): ReplySizes {
  function refuse(received: Received, isMutation = false): AppError {
    countRefusal('reply_bytes');
    // A query of entities may follow a mutation of the same request.
    const wasMutation = isMutation || received.isMutation;
    const expected = `A reply of at most ${max} bytes is expected, and this one is larger`;
    const message = wasMutation
      ? `The mutation was executed, but what it gives cannot be shown. ${expected}.`
      : `${expected}: ask for less at a time.`;
    return new AppError('QUERY_TOO_COMPLEX', message, { details: { limit: max } });
  }

  return {
    max,
    refuse,
    add: (received, bytes, isMutation) => {
      received.bytes += bytes;
      received.isMutation ||= isMutation;
      return received.bytes <= max;
    },
    check: (received, reply) => {
      // A character has three bytes at most, so that hardly any reply is measured.
      const { body = '' } = reply;
      // What no subgraph had a part in is a page of the gateway's own, and is bounded by itself.
      if (received.bytes === 0) return reply;
      if (body.length * 3 <= max || Buffer.byteLength(body) <= max) return reply;
      throw refuse(received);
    },
  };
}
