// How hard a password is to guess, by zxcvbn: from 0 to 4, of which 3 is asked for (10^8 guesses). Estimating takes as long as a
// hash and would hold up every request, so a thread does it, one password after the other.
import { Worker } from 'node:worker_threads';
import { AppError } from '@holdfast/platform/errors';
import type { Logger } from '@holdfast/platform/observability/log';
import { normalizePassword } from './password-hashing.ts';
import { passwordError } from './password-rules.ts';
import type { Names } from './registration-rules.ts';
import { createSemaphore, type Shares } from './semaphore.ts';

export interface ToEstimate {
  readonly password: string;
  /** What the guesser of this very password would try: the names of its account. */
  readonly known: readonly string[];
}

export interface Estimated {
  /** Why it is easy to guess, for people; undefined when it is not. */
  readonly error?: string;
}

export interface PasswordStrength {
  /**
   * What was expected, and why the password is easy to guess, without the password; undefined when it is not, or when it
   * breaks another rule anyway.
   * @param names those of an account, so that they are as long as such may be
   * @param shares of the queue, as for hashing
   * @throws {AppError} SERVICE_UNAVAILABLE when too many wait
   */
  errorOf(password: string, names: Names, shares: Shares): Promise<string | undefined>;
  close(): Promise<void>;
}

export interface PasswordStrengthOptions {
  /** How many may wait. */
  readonly maxWaiting: number;
  readonly log: Logger;
}

interface Waiting {
  readonly resolve: (error: string | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** Characters of a name: more than are estimated of a password. */
const LONGEST_KNOWN = 64;

const fold = (text: string): string => normalizePassword(text).toLowerCase();

const OWN_NAME = 'expected a password that is hard to guess, got the username or the e-mail address';

const unavailable = (cause?: unknown): AppError =>
  new AppError('SERVICE_UNAVAILABLE', 'Passwords cannot be judged right now.', {
    cause,
    details: { retryAfter: 1 },
  });

export function createPasswordStrength({ maxWaiting, log }: PasswordStrengthOptions): PasswordStrength {
  // Fair, as the queue for hashing is: it stands before that one in every change of a password.
  const { run } = createSemaphore({ concurrency: 1, maxWaiting });
  let waiting: Waiting | undefined;
  let worker = start();

  function start(): Worker {
    // Nothing of the process is handed on.
    const started = new Worker(new URL('./password-strength-worker.ts', import.meta.url), {
      env: {},
      execArgv: [],
    });
    started.unref();
    started.on('message', ({ error }: Estimated) => waiting?.resolve(error));
    started.on('error', (error) => {
      log.error({ err: error }, 'the thread that judges passwords has ended; another is started');
      worker = start();
      waiting?.reject(unavailable(error));
    });
    return started;
  }

  const estimate = (asked: ToEstimate): Promise<string | undefined> =>
    new Promise((resolve, reject) => {
      waiting = { resolve, reject };
      worker.postMessage(asked);
    });

  return {
    async errorOf(password, { username, email }, shares) {
      if (passwordError(password) !== undefined) return undefined;
      // By itself, because what is estimated is the beginning of a long one.
      if ([username, email].some((name) => fold(name) === fold(password))) return OWN_NAME;
      const known = [username, email, ...email.split('@', 2)].map((name) => name.slice(0, LONGEST_KNOWN));
      const error = await run(shares, () => estimate({ password: normalizePassword(password), known }));
      return error && `expected a password that is hard to guess. ${error}`;
    },
    close: async () => {
      await worker.terminate();
    },
  };
}
