// How far a long step is: on a terminal a line that changes, else a new line now and then.
// Plain JavaScript without packages, because packages are installed with it.

const LINE_EVERY_MS = 10_000;
const REDRAW_EVERY_MS = 100;
const BAR_WIDTH = 24;

/**
 * Whether a person watches the output, so that a line may be drawn over. Systems that build set CI.
 * @param {{ isTTY?: boolean }} out
 * @param {NodeJS.ProcessEnv} env
 */
export const isWatched = (out = process.stdout, env = process.env) =>
  out.isTTY === true && !env['CI'] && env['TERM'] !== 'dumb';

/**
 * Begins to show `name` with how many of `total` are done. `reach` tells it; the estimate takes what is left to go as fast as what
 * was done since the beginning. `end` leaves a clean line.
 * @param {string} name
 * @param {number} total
 * @param {string} unit
 * @param {{ watched?: boolean, write?: (text: string) => unknown, nowMs?: () => number }} to where it is shown; for tests
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
 * As a person says it: "42 s", "3 min 5 s".
 * @param {number} ms
 */
export function formatDuration(ms) {
  const seconds = Math.round(ms / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
