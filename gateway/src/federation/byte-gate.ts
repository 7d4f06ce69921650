// Bounds the bytes of large replies that the process reads from the subgraphs at the same time. While a reply waits, the
// gateway reads no further from its connection, so the reply stays in the subgraph.

export interface ByteGate {
  /** Waits, first come first served, until so many bytes may be read. Call the result once the bytes are not needed any more. */
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
      // A reply that is larger than the gate passes when no other reply is inside.
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
