// Until when an answer is of use to its caller. A mutation that had to wait (for a connection, for its turn to hash a
// password) asks again before it goes on: its caller may have given up by then, and must not find it done later.
import { AsyncLocalStorage } from 'node:async_hooks';
import { AppError } from './errors.ts';

export interface Deadline {
  /** ms since the epoch */
  readonly deadlineAt: number;
  /** Aborted when the caller has closed its connection, as it does when its own time is over. */
  readonly signal: AbortSignal;
}

const deadlines = new AsyncLocalStorage<Deadline>();

/** Runs `work`, and all that it starts, under a deadline. */
export const withDeadline = <Result>(deadline: Deadline, work: () => Result): Result =>
  deadlines.run(deadline, work);

/** The deadline of the work that is under way; undefined outside of a mutation, as in a job. */
export const currentDeadline = (): Deadline | undefined => deadlines.getStore();

export const isOver = ({ deadlineAt, signal }: Deadline): boolean =>
  Date.now() >= deadlineAt || signal.aborted;

/** Says nothing of what the same request may have done before. */
export const tooLate = (): AppError =>
  new AppError('SERVICE_UNAVAILABLE', 'The time for this request was over before this could be begun.', {
    details: { retryAfter: 1 },
  });

/** @throws {AppError} SERVICE_UNAVAILABLE when the deadline of the work that is under way has passed */
export function checkDeadline(): void {
  const deadline = currentDeadline();
  if (deadline !== undefined && isOver(deadline)) throw tooLate();
}
