// The largest reply that the gateway reads and gives. What the subgraphs send for one request is added up, because it is
// in memory together; the finished reply is looked at once more.
import { AppError } from '@holdfast/platform/errors';
import type { HttpRequest, Reply } from '@holdfast/platform/http';
import { countRefusal } from '../too-much.ts';

export interface ReplySizes {
  /** The most that a reply may have, bytes. */
  readonly max: number;
  /** Adds what a subgraph has sent for the request, and says whether that is not too much in all. */
  add(request: HttpRequest, sent: Sent): boolean;
  /** Counts a reply that is too large, and gives the fault. */
  refuse(request: HttpRequest | undefined, isMutation?: boolean): AppError;
  /** Gives the reply. @throws {AppError} QUERY_TOO_COMPLEX when it is too large */
  check(request: HttpRequest, reply: Reply): Reply;
}

interface Sent {
  readonly bytes: number;
  /** Whether it is the reply to a mutation, which has been executed then. */
  readonly isMutation: boolean;
}

export function createReplySizes(max: number): ReplySizes {
  const sentFor = new WeakMap<HttpRequest, Sent>();

  function refuse(request: HttpRequest | undefined, isMutation = false): AppError {
    countRefusal('reply_bytes');
    // A query of entities may follow a mutation of the same request.
    const before = request && sentFor.get(request);
    const wasMutation = isMutation || (before?.isMutation ?? false);
    const expected = `A reply of at most ${max} bytes is expected, and this one is larger`;
    const message = wasMutation
      ? `The mutation was executed, but what it gives cannot be shown. ${expected}.`
      : `${expected}: ask for less at a time.`;
    return new AppError('QUERY_TOO_COMPLEX', message, { details: { limit: max } });
  }

  return {
    max,
    refuse,
    add: (request, { bytes, isMutation }) => {
      const before = sentFor.get(request);
      const all = {
        bytes: bytes + (before?.bytes ?? 0),
        isMutation: isMutation || (before?.isMutation ?? false),
      };
      sentFor.set(request, all);
      return all.bytes <= max;
    },
    check: (request, reply) => {
      // A character has three bytes at most, so that hardly any reply is measured.
      const { body = '' } = reply;
      // What no subgraph had a part in is a page of the gateway's own, and is bounded by itself.
      if (!sentFor.has(request)) return reply;
      if (body.length * 3 <= max || Buffer.byteLength(body) <= max) return reply;
      throw refuse(request);
    },
  };
}
