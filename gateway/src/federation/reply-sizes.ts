// Bounds the replies that the gateway reads and sends. The replies of the subgraphs for one request are added up, because they
// are in memory together. The final reply is checked too.
import { AppError } from '@holdfast/platform/errors';
import type { Reply } from '@holdfast/platform/http/server';
import { countRefused } from '../operations/too-much.ts';

export interface ReplySizes {
  /** The largest reply, bytes. */
  readonly max: number;
  /** Adds the bytes of a reply of a subgraph; false when the sum is too large. */
  add(received: Received, bytes: number, isMutation: boolean): boolean;
  /** Counts a reply that is too large, and creates the error. */
  refuse(received: Received, isMutation?: boolean): AppError;
  /** Gives the reply back. @throws {AppError} QUERY_TOO_COMPLEX when it is too large */
  check(received: Received, reply: Reply): Reply;
}

/** What the subgraphs have sent for one request so far. */
export interface Received {
  bytes: number;
  /** Whether one of the replies is that of a mutation, which means that the mutation was executed. */
  isMutation: boolean;
}

export const createReceived = (): Received => ({ bytes: 0, isMutation: false });

export function createReplySizes(max: number): ReplySizes {
  function refuse(received: Received, isMutation = false): AppError {
    countRefused('reply_bytes');
    // A query for entities may follow a mutation of the same request.
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
      // A UTF-16 unit has three bytes at most, so the bytes of most replies need not be counted.
      const { body = '' } = reply;
      // A reply without data of a subgraph is a page of the gateway, which is small.
      if (received.bytes === 0) return reply;
      if (body.length * 3 <= max || Buffer.byteLength(body) <= max) return reply;
      throw refuse(received);
    },
  };
}
