// `npm run dev`: starts the services, and restarts each service whose source files change.
import { join, relative } from 'node:path';
import { ROOT } from '../root.js';
import { folderOf, PROCESSES, type ProcessName } from '../settings/services.ts';
import type { EventLog } from './event-log.ts';
import type { ServiceProcess } from './service-process.ts';
import { watchFolders } from './source-folders.ts';

export type DevOptions = {
  services: Record<ProcessName, ServiceProcess>;
  log: EventLog;
  /** Generates the code from the schemas again. When a schema is invalid, it prints the reason and throws. */
  regenerate: () => Promise<void>;
};

export type Dev = {
  /** Resolves when each service has been ready once. */
  readonly started: Promise<void>;
  /** Ends the watching; no service is restarted after that. */
  close(): Promise<void>;
};

const WATCHED = ['gateway/src', 'subgraphs', 'platform/src', 'prisma/src', 'prisma/schema'];
const SOURCE = /(?<!\.test)\.(ts|js|txt|graphql|prisma)$/;
const SCHEMA = /\.(graphql|prisma)$/;
const PRISMA_CLIENT = join(ROOT, 'prisma/src/generated/');

/** Editors save in several steps, and several files at a time. */
const SETTLE_MS = 80;
/** Short, because a service that a debugger has stopped does not end by itself, and it serves no customers. */
const GRACE_MS = 500;

/** Starts every service, and restarts those whose sources change until it is closed. */
export function runForDevelopment(options: DevOptions): Dev {
  const allStarted = Promise.withResolvers<void>();
  const sources = new ChangedSources(options, allStarted.resolve);
  const folders = watchFolders(
    WATCHED.map((path) => join(ROOT, path)),
    (path) => sources.add(path),
  );
  sources.restart(PROCESSES);
  return {
    started: allStarted.promise,
    close: () => {
      folders.close();
      return sources.close();
    },
  };
}

class ChangedSources {
  readonly #options: DevOptions;
  readonly #allReady: () => void;
  /** The changed files that no restart has handled yet. */
  readonly #paths = new Set<string>();
  readonly #ready = new Set<ProcessName>();
  /** The last restart of each service. */
  readonly #restarts = new Map<ProcessName, Promise<void>>();
  #settling: NodeJS.Timeout | undefined;
  #work = Promise.resolve();
  #isClosed = false;

  constructor(options: DevOptions, allReady: () => void) {
    this.#options = options;
    this.#allReady = allReady;
  }

  add(path: string): void {
    if (!SOURCE.test(path)) return;
    this.#paths.add(path);
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => {
      this.#work = this.#work.then(() => this.#apply());
    }, SETTLE_MS);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#settling);
    await this.#work;
  }

  async #apply(): Promise<void> {
    const { services, log } = this.#options;
    const paths = [...this.#paths];
    if (paths.some((path) => SCHEMA.test(path)) && !(await this.#tryRegenerate())) return;
    if (this.#isClosed) return;
    for (const path of paths) this.#paths.delete(path);
    const names = PROCESSES.filter((name) => paths.some((path) => belongsTo(path, name, services[name])));
    if (names.length === 0) return;
    const changed = paths.map((path) => relative(ROOT, path)).join(', ');
    log.event('info', `${changed} changed: restarting ${names.join(', ')}`);
    this.restart(names);
  }

  /** Generates code and returns whether that succeeded. After a failure the changes wait for the next save. */
  async #tryRegenerate(): Promise<boolean> {
    const { log, regenerate } = this.#options;
    try {
      await regenerate();
      return true;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (!this.#isClosed)
        log.event('error', `${message}; no service is restarted until the schema is correct`);
      return false;
    }
  }

  restart(names: readonly ProcessName[]): void {
    for (const name of names) {
      const restart = this.#restart(name, () => this.#restarts.get(name) === restart && !this.#isClosed);
      this.#restarts.set(name, restart);
    }
  }

  /** `isLast` tells whether this is still the last restart of that service. Only the last one logs its result. */
  async #restart(name: ProcessName, isLast: () => boolean): Promise<void> {
    const { services, log } = this.#options;
    const from = performance.now();
    try {
      await services[name].restart({ graceMs: GRACE_MS, timeoutMs: Number.POSITIVE_INFINITY });
      if (!isLast()) return;
      log.event('info', `${name} is ready`, { process: name, afterMs: Math.round(performance.now() - from) });
      this.#ready.add(name);
      if (this.#ready.size === PROCESSES.length) this.#allReady();
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (isLast()) log.event('error', `${message}; the next save starts it again`, { process: name });
    }
  }
}

/** Whether a change of a file is a reason to restart a service. */
function belongsTo(path: string, name: ProcessName, service: ServiceProcess): boolean {
  // The change may correct the error that ended the service.
  if (service.pid === undefined) return true;
  if (path.endsWith('.prisma')) return service.loaded.some((loaded) => loaded.startsWith(PRISMA_CLIENT));
  return service.loaded.includes(path) || path.startsWith(folderOf(name));
}
