// Shows the progress of a long step: on a terminal in one line that changes, else in a new line every ten seconds.
// Plain JavaScript without packages, because it runs while the packages are installed.

const LINE_EVERY_MS = 10_000;
const REDRAW_EVERY_MS = 100;
const BAR_WIDTH = 24;

/**
 * Whether the output is a terminal, where a line can be overwritten. Build systems set CI.
 * @param {{ isTTY?: boolean }} out
 * @param {NodeJS.ProcessEnv} env
 */
export const isWatched = (out = process.stdout, env = process.env) =>
  out.isTTY === true && !env['CI'] && env['TERM'] !== 'dumb';

/**
 * Begins to show `name` with the number of finished items of `total`. `reach` receives that number. The estimate of the rest
 * assumes the average speed so far. `end` clears the line.
 * @param {string} name
 * @param {number} total
 * @param {string} unit
 * @param {{ watched?: boolean, write?: (text: string) => unknown, nowMs?: () => number }} to the output and the clock; for tests
 */
export function showProgress(name, total, unit, to = {}) {
  const {
    watched = isWatched(),
    write = (text) => process.stdout.write(text),
    nowMs = () => performance.now(),
  } = to;
  const startedAt = nowMs();
  let shownAt = watched ? -REDRAW_EVERY_MS : startedAt;
  let width = 0;
  return {
    /** @param {number} done */
    reach(done) {
      const now = nowMs();
      if (now - shownAt < (watched ? REDRAW_EVERY_MS : LINE_EVERY_MS)) return;
      shownAt = now;
      const line = `  ${name} ${watched ? `${drawBar(done / total)} ` : ''}${formatShare(done, total, unit)}${formatTimeLeft(done, total, now - startedAt)}`;
      if (!watched) return void write(`${line}\n`);
      write(`\r${line.padEnd(width)}`);
      width = line.length;
    },
    end() {
      if (watched && width > 0) write(`\r${' '.repeat(width)}\r`);
    },
  };
}

/** @param {number} part */
function drawBar(part) {
  const full = Math.round(BAR_WIDTH * Math.min(1, part));
  return '█'.repeat(full) + '░'.repeat(BAR_WIDTH - full);
}

const whole = new Intl.NumberFormat('en');

/**
 * @param {number} done
 * @param {number} total
 * @param {string} unit
 */
const formatShare = (done, total, unit) =>
  `${String(Math.floor((100 * done) / total)).padStart(3)} %, ${whole.format(done)} of ${whole.format(total)} ${unit}`;

/**
 * @param {number} done
 * @param {number} total
 * @param {number} ms
 */
function formatTimeLeft(done, total, ms) {
  if (done === 0 || done >= total) return '';
  return `, about ${formatDuration((ms * (total - done)) / done)} left`;
}

/**
 * A duration such as "42 s" or "3 min 5 s".
 * @param {number} ms
 */
export function formatDuration(ms) {
  const seconds = Math.round(ms / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
