// The log of a local stack: one JSON line an event, from the services as they come and from the supervisor
// itself; made readable when a person watches.
import pretty from 'pino-pretty';

export type Level = 'debug' | 'info' | 'warn' | 'error';

export type EventLog = {
  /** An event of the supervisor. */
  event(level: Level, message: string, fields?: Record<string, unknown>): void;
  /** A line of the output of `source`; one that is no JSON becomes a message. */
  line(source: string, text: string): void;
};

/**
 * A log that hands each JSON line, without its line break, to `write`. Its own events below info are left out
 * unless `verbose`; the services know their own levels.
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

/** Writes to stdout: raw, or through pino-pretty in a terminal. */
export function createStdoutWriter(): (line: string) => void {
  if (!process.stdout.isTTY) return (line) => process.stdout.write(`${line}\n`);
  const stream = pretty({
    // As https://no-color.org asks.
    colorize: !process.env['NO_COLOR'],
    sync: true,
    singleLine: true,
    ignore: 'pid,hostname,service',
    messageFormat: '{service}: {msg}',
    translateTime: 'SYS:HH:MM:ss.l',
  });
  return (line) => stream.write(`${line}\n`);
}

/** PostgreSQL says its level first, `LOG:  …`; of what it does in good health nobody wants to read. */
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
