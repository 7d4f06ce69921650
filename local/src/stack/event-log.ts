// The log of a local stack: one JSON line for each event of the services and of the supervisor; formatted for people in a terminal.
import pretty from 'pino-pretty';

export type Level = 'debug' | 'info' | 'warn' | 'error';

export type EventLog = {
  /** An event of the supervisor. */
  event(level: Level, message: string, fields?: Record<string, unknown>): void;
  /** A line of the output of `source`. A line that is not JSON becomes a message. */
  line(source: string, text: string): void;
};

/**
 * A log that passes each JSON line, without its line break, to `write`. It omits its own events below info unless `verbose`; the
 * services filter their own.
 */
export function createEventLog(write: (line: string) => void, verbose = false): EventLog {
  const emit = (service: string, level: Level, message: string, fields: Record<string, unknown> = {}) => {
    if (level === 'debug' && !verbose) return;
    write(JSON.stringify({ level, time: new Date().toISOString(), service, ...fields, msg: message }));
  };
  return {
    event: (level, message, fields) => emit('supervisor', level, message, fields),
    line: (source, text) => {
      if (text.startsWith('{')) write(text);
      else if (text !== '') emit(source, source === 'postgres' ? postgresLevel(text) : 'error', text);
    },
  };
}

/** A writer to stdout: unchanged lines, or through pino-pretty in a terminal. */
export function createStdoutWriter(): (line: string) => void {
  if (!process.stdout.isTTY) return (line) => process.stdout.write(`${line}\n`);
  const stream = pretty({
    // The convention of https://no-color.org.
    colorize: !process.env['NO_COLOR'],
    sync: true,
    singleLine: true,
    ignore: 'pid,hostname,service',
    messageFormat: '{service}: {msg}',
    translateTime: 'SYS:HH:MM:ss.l',
  });
  return (line) => stream.write(`${line}\n`);
}

/** PostgreSQL's lines begin with their level, `LOG:  …`. Lines of normal operation are only for debugging. */
function postgresLevel(text: string): Level {
  if (
    /interrupted|not properly shut down|recovery|redo in progress|syncing data directory|stopping the PostgreSQL server/.test(
      text,
    )
  )
    return 'info';
  if (/^(LOG|INFO|NOTICE|HINT|DETAIL|DEBUG\d?):/.test(text)) return 'debug';
  return text.startsWith('WARNING:') ? 'warn' : 'error';
}
