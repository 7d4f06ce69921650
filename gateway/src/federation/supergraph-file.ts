// The file of the supergraph: it is read at the start, and again when it changes.
import { type FSWatcher, watch } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Logger } from '@holdfast/platform/observability/log';
import { type Repetition, repeat } from '@holdfast/platform/repeat';

export interface SupergraphFileOptions {
  readonly path: string;
  readonly pollMs: number;
  readonly log: Logger;
}

export interface SupergraphFile {
  /** Reads the current text. @throws when the file cannot be read */
  read(): Promise<string>;
  /** Calls `take` once with each text that differs from the previous one. */
  follow(take: (sdl: string) => void): void;
  close(): void;
}

/** How long to wait after an event, ms, because a writer may need some time to write the whole file. */
const SETTLE_MS = 100;

const NOT_WATCHED = 'the supergraph is not watched, only polled';

interface Watch {
  stop(): void;
}

/**
 * Calls `changed` after an event in the directory of the file. It watches the directory, because a Kubernetes ConfigMap
 * does not write the file: it swaps a symlink beside it.
 */
function watchDirectory({ path, log }: SupergraphFileOptions, changed: () => void): Watch {
  let settling: NodeJS.Timeout | undefined;
  let watcher: FSWatcher | undefined;
  try {
    watcher = watch(dirname(path), { persistent: false }, () => {
      clearTimeout(settling);
      settling = setTimeout(changed, SETTLE_MS);
    });
    watcher.on('error', (error) => log.warn({ err: error, path }, NOT_WATCHED));
  } catch (error) {
    log.warn({ err: error, path }, NOT_WATCHED);
  }
  return {
    stop: () => {
      watcher?.close();
      clearTimeout(settling);
    },
  };
}

/** Follows a file by the events of its directory, and by polling, for file systems without events. */
export function openSupergraphFile(options: SupergraphFileOptions): SupergraphFile {
  const { path, pollMs, log } = options;
  let last: string | undefined;
  let directory: Watch | undefined;
  let poll: Repetition | undefined;

  async function look(take: (sdl: string) => void): Promise<void> {
    // During a swap the file may be absent for a moment; the next look finds it.
    const text = await readFile(path, 'utf8').catch((error: unknown) => {
      log.debug({ err: error, path }, 'the supergraph cannot be read');
    });
    if (text === undefined || text === last) return;
    last = text;
    take(text);
  }

  return {
    read: async () => {
      last = await readFile(path, 'utf8');
      return last;
    },
    follow: (take) => {
      const onError = (error: unknown): void =>
        log.error({ err: error, path }, 'the supergraph could not be taken over');
      directory = watchDirectory(options, () => void look(take).catch(onError));
      poll = repeat(() => look(take), { everyMs: pollMs, firstAfterMs: pollMs, onError });
    },
    close: () => {
      directory?.stop();
      void poll?.stop();
    },
  };
}
