// Logs one JSON line for each event, of limited length. `npm start` makes the lines readable in a terminal.
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
 * Callers choose much of the logged text: paths, names, and the quotations in error messages. A line of a megabyte would cost more
 * than its request, and log collectors drop lines that are too long.
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

/** The errors in a subgraph's reply are plain objects with a message. */
const messageOf = (thrown: unknown): string =>
  typeof thrown === 'object' && thrown !== null && 'message' in thrown
    ? cut(String(thrown.message), MAX_TEXT)
    : 'a value that is no error was thrown';

/** Logs only these members, because the `detail` of a database error has the whole row, with the password hash. */
function describeError(error: unknown, depth = 0): LoggedError {
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
    ...(error.cause !== undefined && depth < 3 && { cause: describeError(error.cause, depth + 1) }),
  };
}

const cutText = (value: unknown): unknown => (typeof value === 'string' ? cut(value, MAX_TEXT) : value);

/** Prepares the members of a line: secrets removed, long texts cut. */
function fitMembers(members: object): Record<string, unknown> {
  const fit: Record<string, unknown> = traceIds();
  for (const [name, value] of Object.entries(members))
    fit[name] = SECRETS.has(name) ? CENSORED : fitValue(value);
  return fit;
}

function fitValue(value: unknown): unknown {
  // describeError handles errors.
  if (typeof value !== 'object' || value === null || isNativeError(value)) return cutText(value);
  if (!Object.keys(value).some((key) => SECRETS.has(key))) return value;
  return {
    ...value,
    ...Object.fromEntries([...SECRETS].filter((key) => key in value).map((key) => [key, CENSORED])),
  };
}

/** Several lines are written at once, because a system call for each would cost more than the rest of its work. */
const WRITTEN_AT_BYTES = 16_000;
const WRITTEN_AFTER_MS = 50;
/** How much waits for a reader of the standard output that has stopped reading. Further lines are lost. */
const MAX_WAITING_BYTES = 16_000_000;
const LAST_LINES_MS = 1_000;

/** One for all loggers of the process, so that their lines keep their order. */
const output = pino.destination({
  dest: 1,
  sync: false,
  minLength: WRITTEN_AT_BYTES,
  maxLength: MAX_WAITING_BYTES,
  periodicFlush: WRITTEN_AFTER_MS,
});

/**
 * What loggers write to. It has no `flushSync`, which pino would call after a fatal line: when the standard output has no reader any
 * more, sonic-boom 4.2 tries for ever and blocks the process.
 */
const lines = { write: (line: string): void => void output.write(line) };

/** Waits for up to a second until all lines are written. Returns whether they are. */
function writeLastLines(): Promise<boolean> {
  return new Promise((resolve) => {
    // The first flush ends with the present write, the second writes the lines that came in the meantime.
    output.flush(() => output.flush(() => resolve(true)));
    setTimeout(resolve, LAST_LINES_MS, false);
  });
}

/** Ends the process when its last lines are written. */
export async function endProcess(status: number): Promise<void> {
  if (await writeLastLines()) process.exit(status);
  // The standard output has no reader, and `process.exit` would wait for the present write.
  process.kill(process.pid, 'SIGKILL');
}

let stampedMs = 0;
let stamp = '';

/** Formats the time (ISO 8601) once for all lines of a millisecond. */
function formatTimestamp(): string {
  const now = Date.now();
  if (now !== stampedMs) {
    stampedMs = now;
    stamp = `,"time":"${new Date(now).toISOString()}"`;
  }
  return stamp;
}

/** A logger whose lines have the service's name. The values of keys that name secrets are removed at the two upper levels. */
export function createLogger(service: string, level = 'info'): Logger {
  const options: LoggerOptions = {
    level,
    base: { service },
    timestamp: formatTimestamp,
    serializers: { err: (error: unknown) => describeError(error), msg: (text: unknown) => cutText(text) },
    formatters: { level: (label) => ({ level: label }), log: fitMembers },
  };
  return pino(options, lines);
}

/** The log line of a request. Callers choose its path and operation. */
export interface RequestLine {
  readonly requestId: string;
  /** The client's address as the gateway counts it; undefined when no client sent the request. */
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
 * Writes the lines of requests. Most lines are of this kind and their members are known, so they skip the check of each member,
 * which would cost more than writing the line.
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
