// How GraphQL and REST have an operation run.
import type { Caller } from './admission/caller.ts';
import type { AskedOperation, OperationResult } from './operations/result.ts';

/** Runs an operation as a caller. It never rejects. */
export type Answer = (asked: AskedOperation, caller: Caller) => Promise<OperationResult>;
