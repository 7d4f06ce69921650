// Node loads this into each service before the service's own code. It ends a service whose supervisor was killed, even when the
// service does not listen for that yet, and even though its log has no reader any more.
const LONGEST_DRAIN_MS = 26_000;

function killSelf(): void {
  process.kill(process.pid, 'SIGKILL');
}

if (process.connected) {
  process.once('disconnect', () => {
    // A service without its own listener does not end by itself.
    if (process.listenerCount('disconnect') === 0) killSelf();
    // pino flushes its last lines when the process exits, and never gives up when the pipe has no reader.
    process.prependListener('exit', killSelf);
    setTimeout(killSelf, LONGEST_DRAIN_MS).unref();
  });
  // The channel must not keep a program alive that has no other work.
  process.channel?.unref();
} else {
  killSelf();
}

export {};
