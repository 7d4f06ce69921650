// One service of the local stack: started, watched, started again when it dies, stopped.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Backoff, createBackoff } from '../processes/backoff.ts';
import type { EventLog } from './event-log.ts';

/** How long a service may take to end in order, ms. */
export const GRACE_MS = 25_000;

const READY_POLL_MS = 50;
const READY_TIMEOUT_MS = 60_000;
const ORPHAN_GUARD = new URL('../processes/orphan-guard.ts', import.meta.url).href;

export type ServiceDefinition = {
  name: string;
  /** Absolute path of the program. */
  entry: string;
  env: Record<string, string>;
  /** Options of Node. */
  nodeArgs?: readonly string[];
  /** Answers 200 when the service is ready. */
  readyUrl: string;
};

export type ServiceProcess = {
  readonly name: string;
  /** Of the process that runs; undefined when none does. */
  readonly pid: number | undefined;
  /** Paths of the files of which the process said that it loads them (report-loads.ts). */
  readonly loaded: readonly string[];
  /** Starts it for the first time. Throws, with the reason it gave, when it ends before it was ready. */
  start(): Promise<void>;
  /** Waits until the service is ready. Throws after `timeoutMs`, or when it is not to run. */
  ready(timeoutMs?: number): Promise<void>;
  /** SIGKILLs it and waits until it is gone; it stays so until restart(), unless it is supervised. */
  kill(): Promise<void>;
  /**
   * Starts it, after a SIGTERM if it runs and a SIGKILL after `graceMs`, and waits until it is ready. Throws as start()
   * does, after `timeoutMs` as ready() does, and when it is stopped or restarted in the meantime.
   */
  restart(limits?: { graceMs?: number; timeoutMs?: number }): Promise<void>;
  /** SIGTERM, and SIGKILL after `graceMs`. It is not started again. */
  stop(graceMs: number): Promise<void>;
};

export type ServiceOptions = {
  log: EventLog;
  /** Start it again, with a growing pause, when it ends without being told to. */
  supervised: boolean;
  backoff?: Backoff;
};

/** A service that does not run yet. */
export function createService(definition: ServiceDefinition, options: ServiceOptions): ServiceProcess {
  return new RunningService(definition, options);
}

class RunningService implements ServiceProcess {
  readonly #definition: ServiceDefinition;
  readonly #options: ServiceOptions;
  readonly #backoff: Backoff;
  #child: ChildProcess | undefined;
  #lastWords = '';
  /** Whether an end is an error. */
  #wanted = false;
  #supervised = false;
  #pause = new AbortController();
  #loaded: string[] = [];
  /** Of the calls of restart() and stop(), the last one decides. */
  #turn = 0;

  constructor(definition: ServiceDefinition, options: ServiceOptions) {
    this.#definition = definition;
    this.#options = options;
    this.#backoff = options.backoff ?? createBackoff();
  }

  get name(): string {
    return this.#definition.name;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get loaded(): readonly string[] {
    return this.#loaded;
  }

  async start(timeoutMs = READY_TIMEOUT_MS): Promise<void> {
    this.#supervised = false;
    const child = this.#spawn();
    const ended = once(child, 'close').then(() => 'ended' as const);
    const outcome = await Promise.race([ended, this.ready(timeoutMs).then(() => 'ready' as const)]);
    if (outcome === 'ended') {
      throw new Error(`${this.name} ended before it was ready${this.#lastWords && `: ${this.#lastWords}`}`);
    }
    this.#supervised = this.#options.supervised;
  }

  async ready(timeoutMs = READY_TIMEOUT_MS): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (this.#wanted) {
      if (await isReady(this.#definition.readyUrl)) return;
      if (Date.now() > deadline) throw new Error(`${this.name} was not ready after ${timeoutMs / 1000} s`);
      await sleep(READY_POLL_MS);
    }
    throw new Error(`${this.name} does not run`);
  }

  async kill(): Promise<void> {
    this.#wanted = this.#supervised;
    await this.#end('SIGKILL');
  }

  async restart({ graceMs = GRACE_MS, timeoutMs = READY_TIMEOUT_MS } = {}): Promise<void> {
    this.#turn += 1;
    const turn = this.#turn;
    await this.#cease(graceMs);
    if (turn !== this.#turn) throw new Error(`${this.name} was stopped or restarted while it ended`);
    await this.start(timeoutMs);
  }

  async stop(graceMs: number): Promise<void> {
    this.#turn += 1;
    await this.#cease(graceMs);
  }

  /** Ends it on purpose: nothing starts it again. */
  async #cease(graceMs: number): Promise<void> {
    this.#wanted = false;
    this.#pause.abort();
    const timer = setTimeout(() => this.#child?.kill('SIGKILL'), graceMs);
    await this.#end('SIGTERM');
    clearTimeout(timer);
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const exited = once(child, 'close');
    child.kill(signal);
    await exited;
  }

  #spawn(): ChildProcess {
    const { name, entry, env, nodeArgs = [] } = this.#definition;
    const { log } = this.#options;
    const child = fork(entry, [], {
      env,
      execArgv: ['--import', ORPHAN_GUARD, ...nodeArgs],
      // Its own process group: Ctrl-C in a terminal is for the supervisor, which stops them in order. Should the
      // supervisor be killed, the channel closes, and the service ends itself.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.#wanted = true;
    this.#child = child;
    this.#lastWords = '';
    const loaded: string[] = [];
    this.#loaded = loaded;
    child.on('message', (message) => typeof message === 'string' && loaded.push(message));
    this.#backoff.started();
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue;
      createInterface({ input: stream }).on('line', (line) => {
        this.#lastWords = messageOf(line) || this.#lastWords;
        log.line(name, line);
      });
    }
    // 'close' and not 'exit', so that its last words have been read.
    child.once('close', (code, signal) => {
      this.#child = undefined;
      if (this.#wanted && this.#supervised) void this.#startAgain(code, signal);
      else this.#wanted = false;
    });
    return child;
  }

  async #startAgain(code: number | null, signal: NodeJS.Signals | null): Promise<void> {
    const pauseMs = this.#backoff.next();
    const how = signal === null ? `code ${code}` : signal;
    // A signal is reason enough; what was said before it is about something else.
    const reason = signal === null ? this.#lastWords : '';
    this.#options.log.event('error', `${this.name} ended (${how}) and is started again in ${pauseMs} ms`, {
      process: this.name,
      code,
      signal,
      reason,
      pauseMs,
    });
    this.#pause = new AbortController();
    await sleep(pauseMs, undefined, { signal: this.#pause.signal }).catch(() => undefined);
    if (this.#wanted && this.#child === undefined) this.#spawn();
  }
}

async function isReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
    await response.arrayBuffer();
    return response.status === 200;
  } catch {
    return false; // Not listening yet, or too busy to answer.
  }
}

/** What a line of output says, if it is one that could explain an end. */
function messageOf(line: string): string {
  // Of what Node writes when it dies of an exception, the line that names it.
  if (!line.startsWith('{')) return /^(\w+ )*\w*Error\b/.test(line) ? line : '';
  try {
    const { level, msg, err } = JSON.parse(line);
    return level === 'fatal' ? [msg, err?.message].filter(Boolean).join(': ') : '';
  } catch {
    return '';
  }
}
