// How many bytes of large replies are read from the subgraphs at a time, in the whole process. A reply that has to wait
// stays with its subgraph: its connection is not read on.

export interface ByteGate {
  /** Waits until so many bytes may be read, in the order of asking. Call what is given when they are not needed any more. */
  enter(bytes: number, signal: AbortSignal): Promise<() => void>;
}

interface Waiting {
  readonly bytes: number;
  open(): void;
}

export function createByteGate(maxBytes: number): ByteGate {
  const waiting = new Set<Waiting>();
  let inside = 0;

  function admit(): void {
    for (const next of waiting) {
      // One that is larger than the gate goes through alone.
      if (inside > 0 && inside + next.bytes > maxBytes) return;
      waiting.delete(next);
      inside += next.bytes;
      next.open();
    }
  }

  return {
    enter: (bytes, signal) =>
      new Promise((resolve, reject) => {
        signal.throwIfAborted();
        const next: Waiting = {
          bytes,
          open: () => {
            signal.removeEventListener('abort', giveUp);
            resolve(() => {
              inside -= bytes;
              admit();
            });
          },
        };
        function giveUp(): void {
          waiting.delete(next);
          reject(signal.reason);
        }
        signal.addEventListener('abort', giveUp, { once: true });
        waiting.add(next);
        admit();
      }),
  };
}
