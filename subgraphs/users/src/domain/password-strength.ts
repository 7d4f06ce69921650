// Estimates with zxcvbn how hard a password is to guess: a score from 0 to 4, of which 3 (10^8 guesses) is required. An estimate takes
// as long as a hash and would block all requests, so a thread computes it, one password at a time.
import { Worker } from 'node:worker_threads';
import { AppError } from '@holdfast/platform/errors';
import type { Logger } from '@holdfast/platform/observability/log';
import { normalizePassword } from './password-hashing.ts';
import { passwordError } from './password-rules.ts';
import type { Names } from './registration-rules.ts';
import { createSemaphore, type Shares } from './semaphore.ts';

export interface ToEstimate {
  readonly password: string;
  /** Texts that an attacker of this account would try first: its names. */
  readonly known: readonly string[];
}

export interface Estimated {
  /** Why the password is easy to guess, for people; undefined when it is not. */
  readonly error?: string;
}

export interface PasswordStrength {
  /**
   * A message that says why the password is easy to guess, without the password. Undefined when it is hard to guess, and when it
   * breaks another rule.
   * @param names the names of the account, which have passed their rules, so that their length is limited
   * @param shares of the queue, as for hashing
   * @throws {AppError} SERVICE_UNAVAILABLE when too many wait, when the thread ends, and after `close`
   */
  findWeakness(password: string, names: Names, shares: Shares): Promise<string | undefined>;
  close(): Promise<void>;
}

export interface PasswordStrengthOptions {
  /** How many passwords may wait. */
  readonly maxWaiting: number;
  readonly log: Logger;
  /** For tests: another program of the thread. */
  readonly thread?: URL;
}

interface Waiting {
  readonly resolve: (error: string | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** A longer part of a name is not compared, because fewer characters of a password are estimated. */
const LONGEST_KNOWN = 64;

const fold = (text: string): string => normalizePassword(text).toLowerCase();

const OWN_NAME = 'expected a password that is hard to guess, got the username or the e-mail address';

const unavailable = (cause?: unknown): AppError =>
  new AppError('SERVICE_UNAVAILABLE', 'Passwords cannot be judged right now.', {
    cause,
    details: { retryAfter: 1 },
  });

export function createPasswordStrength({
  maxWaiting,
  log,
  thread = new URL('./password-strength-worker.ts', import.meta.url),
}: PasswordStrengthOptions): PasswordStrength {
  // The queue is as fair as the queue for hashing, because each change of a password passes through both.
  const { run } = createSemaphore({ concurrency: 1, maxWaiting });
  let waiting: Waiting | undefined;
  let worker: Worker | undefined;
  let isClosed = false;

  function start(): Worker {
    // The thread gets no environment and no arguments of the process.
    const started = new Worker(thread, { env: {}, execArgv: [] });
    started.unref();
    started.on('message', ({ error }: Estimated) => {
      if (worker === started) waiting?.resolve(error);
    });
    // After an error the thread also exits.
    started.on('error', (error) => forget(started, error));
    started.on('exit', () => forget(started));
    return started;
  }

  function forget(ended: Worker, cause?: unknown): void {
    if (isClosed || worker !== ended) return;
    log.error({ err: cause }, 'the thread that judges passwords has ended; the next password starts another');
    worker = undefined;
    waiting?.reject(unavailable(cause));
  }

  const estimate = (asked: ToEstimate): Promise<string | undefined> =>
    new Promise((resolve, reject) => {
      if (isClosed) return reject(unavailable());
      waiting = { resolve, reject };
      // The dictionaries of the thread take 30 MB and as much time as ten hashes, so the thread starts when a password is judged.
      worker ??= start();
      worker.postMessage(asked);
    });

  return {
    async findWeakness(password, { username, email }, shares) {
      if (passwordError(password) !== undefined) return undefined;
      // This is a separate check, because only the beginning of a long password is estimated.
      if ([username, email].some((name) => fold(name) === fold(password))) return OWN_NAME;
      const known = [username, email, ...email.split('@', 2)].map((name) => name.slice(0, LONGEST_KNOWN));
      const error = await run(shares, () => estimate({ password: normalizePassword(password), known }));
      return error && `expected a password that is hard to guess. ${error}`;
    },
    close: async () => {
      isClosed = true;
      waiting?.reject(unavailable());
      await worker?.terminate();
    },
  };
}
