// Loaded into each service before its own code: a service whose supervisor was killed ends, even when it had
// not got as far as listening for that, and even though its log now goes nowhere.
const LONGEST_DRAIN_MS = 26_000;

function die(): void {
  process.kill(process.pid, 'SIGKILL');
}

if (process.connected) {
  process.once('disconnect', () => {
    // Without a listener of its own nothing will end it.
    if (process.listenerCount('disconnect') === 0) die();
    // pino writes out its last lines when the process exits, and tries for ever when nobody reads them.
    process.prependListener('exit', die);
    setTimeout(die, LONGEST_DRAIN_MS).unref();
  });
  // The channel must not keep alive a program that has nothing left to do.
  process.channel?.unref();
} else {
  die();
}

export {};
