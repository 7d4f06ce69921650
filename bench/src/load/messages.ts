// The messages between the benchmark and its load generator.
import type { BenchRequest } from '../requests.ts';

/** The requests to send repeatedly, and the URL. The generator opens new connections. */
export interface Target {
  readonly kind: 'aim';
  readonly url: string;
  readonly requests: readonly BenchRequest[];
  readonly token: string;
}

/** Ends when `requests` were answered or `maxMs` has passed. */
export interface Burst {
  readonly kind: 'fire';
  readonly requests: number;
  readonly maxMs: number;
}

export type LoadMessage = Target | Burst;

export interface BurstResult {
  readonly answered: number;
  readonly ms: number;
  /** The error of a reply; the generator sends no request after the first error. */
  readonly error?: string;
}
