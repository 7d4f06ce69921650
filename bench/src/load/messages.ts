// What the benchmark and its load generator tell each other.
import type { BenchRequest } from '../requests.ts';

/** What is to be sent, over and over, and to whom. Connections to it are opened anew. */
export interface Target {
  readonly kind: 'aim';
  readonly url: string;
  readonly requests: readonly BenchRequest[];
  readonly token: string;
}

/** Until so many requests were answered or so much time has passed. */
export interface Burst {
  readonly kind: 'fire';
  readonly requests: number;
  readonly maxMs: number;
}

export type LoadMessage = Target | Burst;

export interface BurstResult {
  readonly answered: number;
  readonly ms: number;
  /** The error of a reply. The generator stops after the first error. */
  readonly error?: string;
}
