// Giving way: a job that meets a lock returns to the queue for a moment, so that the workers can do other jobs. Otherwise a lock that
// a session holds for minutes would stop one worker after the other, and then every job.
import pg from 'pg';
import type { Queryable } from '../postgres/database.ts';
import { integer, nullable, statement, text } from '../postgres/sql.ts';

/** Thrown by a handler whose job cannot be done now, without an error of the job. The run does not count as an attempt. */
export class GiveWay extends Error {
  override readonly name = 'GiveWay';
}

/** How long a statement of a job waits for a lock. Longer than several statements that wait for one row need. */
export const LOCK_TIMEOUT_MS = 1_000;
/** Limits of the pause before a job that gave way is tried again. The pause grows with the age of the job. */
const SHORTEST_PAUSE_MS = 500;
export const LONGEST_PAUSE_MS = 5_000;

/** lock_not_available, deadlock_detected */
const LOCK_CODES = new Set(['55P03', '40P01']);

/** Whether PostgreSQL has undone a statement because of a lock that another session holds. */
export const isLockConflict = (error: unknown): boolean =>
  error instanceof pg.DatabaseError && error.code !== undefined && LOCK_CODES.has(error.code);

/** Whether the error of a handler means that its job gives way. */
export const givesWay = (error: unknown): boolean => error instanceof GiveWay || isLockConflict(error);

const putBackJob = statement({
  name: 'queue_put_back',
  text: `UPDATE graphile_worker._private_jobs
      SET locked_at = NULL, locked_by = NULL, attempts = greatest(attempts - 1, 0), last_error = $reason,
          run_at = now() + interval '1 millisecond' *
            least(greatest(extract(epoch FROM now() - created_at) * 1000 / 4, $shortestMs::int), $longestMs::int)
    WHERE id = $id::text::bigint AND locked_by = $lockedBy`,
  parameters: {
    id: text,
    lockedBy: nullable(text),
    reason: text,
    shortestMs: integer,
    longestMs: integer,
  },
  row: {},
});

/** A job as graphile-worker passes it to a handler. */
export interface HeldJob {
  readonly id: string;
  readonly locked_by: string | null;
}

/** Returns the job to the queue for a moment, as if it had not been tried. No effect when another worker has it already. */
export async function putBack(db: Queryable, job: HeldJob, reason: string): Promise<void> {
  await putBackJob(db, {
    id: job.id,
    lockedBy: job.locked_by,
    reason,
    shortestMs: SHORTEST_PAUSE_MS,
    longestMs: LONGEST_PAUSE_MS,
  });
}
