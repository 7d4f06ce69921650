// Giving way: a job that meets a lock goes back into the queue for a moment, so that the workers do what can be done.
// A lock that a session holds for minutes would otherwise keep one worker after the other, and with them every job.
import pg from 'pg';
import type { Queryable } from '../postgres/database.ts';
import { integer, nullable, statement, text } from '../postgres/sql.ts';

/** Thrown by a handler whose job cannot be done right now, through no error of its own. The run is not counted. */
export class GiveWay extends Error {
  override readonly name = 'GiveWay';
}

/** How long a statement of a job waits for a lock. Longer than statements that are queued up for one row need. */
export const LOCK_TIMEOUT_MS = 1_000;
/** The pause before a job that gave way is tried again grows with the time that it has waited, within these. */
const SHORTEST_PAUSE_MS = 500;
export const LONGEST_PAUSE_MS = 5_000;

/** lock_not_available, deadlock_detected */
const LOCK_CODES = new Set(['55P03', '40P01']);

/** Whether PostgreSQL has undone a statement because of a lock that another session holds. */
export const isLockConflict = (error: unknown): boolean =>
  error instanceof pg.DatabaseError && error.code !== undefined && LOCK_CODES.has(error.code);

/** Whether what a handler threw says that its job is to give way. */
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

/** A job as graphile-worker hands it over. */
export interface HeldJob {
  readonly id: string;
  readonly locked_by: string | null;
}

/** Puts the job back into the queue for a moment, as if it had not been tried; does nothing once another worker has it. */
export async function putBack(db: Queryable, job: HeldJob, reason: string): Promise<void> {
  await putBackJob(db, {
    id: job.id,
    lockedBy: job.locked_by,
    reason,
    shortestMs: SHORTEST_PAUSE_MS,
    longestMs: LONGEST_PAUSE_MS,
  });
}
