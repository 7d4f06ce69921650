// How much memory operations take: estimates, which a test holds to the heap. The store of operations is bounded by them.
import type { ValidDocument } from './document.ts';

/** A text and its document. A text may be mostly spaces, so its tokens count beside its characters. */
export const bytesOfDocument = (text: string, { document: { tokenCount = 0 } }: ValidDocument): number =>
  2_000 + 2 * text.length + 190 * tokenCount;

/** What has become of an operation beside its document. */
export interface Grown {
  /** Of the plan, in characters of JSON; undefined before there is one. */
  readonly planSize: number | undefined;
  /** The shapes of the reply that conditions have asked for. */
  readonly shapes: number;
}

/** One operation of a document. */
export const bytesOfOperation = ({ selections }: ValidDocument, { planSize, shapes }: Grown): number =>
  500 +
  20 * selections +
  (planSize === undefined ? 0 : 3_500 + 8 * planSize) +
  shapes * (500 + 350 * selections);
