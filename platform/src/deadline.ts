// The deadline of a request: after it, the caller has no use for the reply. A mutation that had to wait (for a connection, or for
// its turn to hash a password) checks the deadline before it goes on. Otherwise it could change data after its caller gave up.
import { AsyncLocalStorage } from 'node:async_hooks';
import { AppError } from './errors.ts';

export interface Deadline {
  /** ms since the epoch */
  readonly deadlineAt: number;
  /** Aborted when the caller has closed its connection, as it does when its own timeout is over. */
  readonly signal: AbortSignal;
}

const deadlines = new AsyncLocalStorage<Deadline>();

/** Runs `work`, and everything that it starts, under a deadline. */
export const withDeadline = <Result>(deadline: Deadline, work: () => Result): Result =>
  deadlines.run(deadline, work);

/** The deadline of the present work; undefined outside of a mutation, such as in a job. */
export const currentDeadline = (): Deadline | undefined => deadlines.getStore();

export const isOver = ({ deadlineAt, signal }: Deadline): boolean =>
  Date.now() >= deadlineAt || signal.aborted;

/** The message speaks of this step only: an earlier step of the same request may have been done. */
export const tooLate = (): AppError =>
  new AppError('SERVICE_UNAVAILABLE', 'The deadline of the request passed before this step began.', {
    details: { retryAfter: 1 },
  });

/** @throws {AppError} SERVICE_UNAVAILABLE when the deadline of the present work has passed */
export function checkDeadline(): void {
  const deadline = currentDeadline();
  if (deadline !== undefined && isOver(deadline)) throw tooLate();
}
