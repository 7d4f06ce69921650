// One JSON line an event, of a bounded length. `npm start` makes them readable in a terminal.
import { isNativeError } from 'node:util/types';
import { type Logger, type LoggerOptions, pino } from 'pino';
import { cut } from '../text.ts';
import { traceIds } from './tracing.ts';

export type { Logger };

const SECRETS: ReadonlySet<string> = new Set([
  'password',
  'token',
  'accessToken',
  'refreshToken',
  'authorization',
  'passwordHash',
]);
const CENSORED = '[redacted]';

/**
 * Callers write much of what is logged: paths, names, and what the messages of errors quote. A line with a megabyte of it
 * would cost more than the request did, and log collectors drop lines that are too long.
 */
const MAX_TEXT = 1_000;
const MAX_STACK = 2_000;

interface LoggedError {
  readonly type: string;
  readonly message: string;
  readonly code?: string;
  readonly constraint?: string;
  readonly stack?: string;
  readonly cause?: LoggedError;
}

const textOf = (error: Error, key: string): string | undefined => {
  const value: unknown = Reflect.get(error, key);
  return typeof value === 'string' ? value : undefined;
};

/** An error of a subgraph's reply is a plain object with a message. */
const messageOf = (thrown: unknown): string =>
  typeof thrown === 'object' && thrown !== null && 'message' in thrown
    ? cut(String(thrown.message), MAX_TEXT)
    : 'no error was thrown';

/** Named members only: a database error's `detail` holds the whole row, a password hash among it. */
function loggedError(error: unknown, depth = 0): LoggedError {
  if (!isNativeError(error)) return { type: typeof error, message: messageOf(error) };
  const code = textOf(error, 'code');
  const constraint = textOf(error, 'constraint');
  const message = cut(error.message, MAX_TEXT);
  // A stack begins with the message.
  const stack = error.stack?.replace(error.message, () => message);
  return {
    type: error.name,
    message,
    ...(code !== undefined && { code }),
    ...(constraint !== undefined && { constraint }),
    ...(stack !== undefined && { stack: cut(stack, message.length + MAX_STACK) }),
    ...(error.cause !== undefined && depth < 3 && { cause: loggedError(error.cause, depth + 1) }),
  };
}

const cutText = (value: unknown): unknown => (typeof value === 'string' ? cut(value, MAX_TEXT) : value);

/** The members of a line, each fit to be written. */
function fitMembers(members: object): Record<string, unknown> {
  const fit: Record<string, unknown> = traceIds();
  for (const [name, value] of Object.entries(members))
    fit[name] = SECRETS.has(name) ? CENSORED : fitValue(value);
  return fit;
}

function fitValue(value: unknown): unknown {
  // Of an error, named members alone are written (`loggedError`).
  if (typeof value !== 'object' || value === null || isNativeError(value)) return cutText(value);
  if (!Object.keys(value).some((key) => SECRETS.has(key))) return value;
  return {
    ...value,
    ...Object.fromEntries([...SECRETS].filter((key) => key in value).map((key) => [key, CENSORED])),
  };
}

/** Lines are written together: a system call for each would cost more than the rest of it. */
const WRITTEN_AT_BYTES = 16_000;
const WRITTEN_AFTER_MS = 50;
/** What waits for a reader of the standard output that has stopped to read; lines beyond it are lost. */
const MAX_WAITING_BYTES = 16_000_000;
const LAST_LINES_MS = 1_000;

/** One for all loggers of the process, so that their lines stand in the order in which they were written. */
const output = pino.destination({
  dest: 1,
  sync: false,
  minLength: WRITTEN_AT_BYTES,
  maxLength: MAX_WAITING_BYTES,
  periodicFlush: WRITTEN_AFTER_MS,
});

/** Waits until all lines are out, for a second at most, and says whether they are. */
function writeLastLines(): Promise<boolean> {
  return new Promise((resolve) => {
    // The first ends with the write that is under way, the second takes what has come meanwhile.
    output.flush(() => output.flush(() => resolve(true)));
    setTimeout(resolve, LAST_LINES_MS, false);
  });
}

/** Ends the process when its last lines are out. */
export async function endProcess(status: number): Promise<void> {
  if (await writeLastLines()) process.exit(status);
  // Nothing reads the standard output, and `process.exit` would wait for the write that is under way.
  process.kill(process.pid, 'SIGKILL');
}

let stampedMs = 0;
let stamp = '';

/** As ISO 8601 has the time, made once for all lines of a millisecond. */
function timestamp(): string {
  const now = Date.now();
  if (now !== stampedMs) {
    stampedMs = now;
    stamp = `,"time":"${new Date(now).toISOString()}"`;
  }
  return stamp;
}

/** A logger whose lines carry the service's name. Values under keys that name secrets are left out at two depths. */
export function createLogger(service: string, level = 'info'): Logger {
  const options: LoggerOptions = {
    level,
    base: { service },
    timestamp,
    serializers: { err: (error: unknown) => loggedError(error), msg: (text: unknown) => cutText(text) },
    formatters: { level: (label) => ({ level: label }), log: fitMembers },
  };
  return pino(options, output);
}

/** What the line of a request says; callers write the path and the operation. */
export interface RequestLine {
  readonly requestId: string;
  /** The client's, as the gateway counts it; undefined when no client asked. */
  readonly address: string | undefined;
  readonly method: string;
  readonly path: string;
  readonly operation: string | undefined;
  /** The root fields that ran, `login changePassword×3`. */
  readonly fields: string | undefined;
  readonly userId: number | undefined;
  readonly status: number;
  readonly code: string | undefined;
  readonly ms: number;
  readonly trace_id: string | undefined;
  readonly span_id: string | undefined;
}

const MAX_PATH = 200;
const MAX_NAME = 100;

/**
 * Writes the lines of requests. They are most of all lines, and their members are known: to look at each of them, as at
 * those of other lines, would cost more than to write the line.
 */
export function createRequestLog(log: Logger): (line: RequestLine) => void {
  const lines = log.child({}, { formatters: { log: (line) => line } });
  return (line) => {
    const { path, operation, code } = line;
    lines.info(
      { ...line, path: cut(path, MAX_PATH), operation: cutName(operation), code: cutName(code) },
      'request',
    );
  };
}

const cutName = (name: string | undefined) => name && cut(name, MAX_NAME);
