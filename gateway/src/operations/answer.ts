// The function that GraphQL and REST call to execute an operation.
import type { Caller } from '../admission/caller.ts';
import type { AskedOperation, OperationResult } from './result.ts';

/** Executes an operation for a caller. It never rejects. */
export type Answer = (asked: AskedOperation, caller: Caller) => Promise<OperationResult>;
