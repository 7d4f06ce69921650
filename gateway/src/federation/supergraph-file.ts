// The composed schema on disk: read once at start, and again whenever it changes.
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
  /** The text of now. @throws when the file cannot be read */
  read(): Promise<string>;
  /** Calls back with every text that differs from the one before; each is offered once. */
  follow(take: (sdl: string) => void): void;
  close(): void;
}

/** Writers take a moment: what is read too early is half a file. */
const SETTLE_MS = 100;

const NOT_WATCHED = 'the supergraph is not watched, only polled';

interface Watch {
  stop(): void;
}

/**
 * Calls `changed` after something happened in the file's directory. The directory is watched, because a Kubernetes
 * ConfigMap never writes the file: it swaps a symlink beside it.
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

/** Follows a file, by its directory's events and, for file systems that do not tell, by a poll. */
export function openSupergraphFile(options: SupergraphFileOptions): SupergraphFile {
  const { path, pollMs, log } = options;
  let last: string | undefined;
  let directory: Watch | undefined;
  let poll: Repetition | undefined;

  async function look(take: (sdl: string) => void): Promise<void> {
    // Between the two steps of a swap there is no file; the next look finds it.
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
