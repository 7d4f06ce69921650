// One service process of the local stack: starts it, watches it, starts it again when it dies, and stops it.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Backoff, createBackoff } from '../processes/backoff.ts';
import type { EventLog } from './event-log.ts';

/** How long a service may take to end in order, ms. */
export const GRACE_MS = 25_000;

const READY_POLL_MS = 100;
const READY_TIMEOUT_MS = 60_000;
const ORPHAN_GUARD = new URL('../processes/orphan-guard.ts', import.meta.url).href;

export type ServiceDefinition = {
  name: string;
  /** Absolute path of the program. */
  entry: string;
  env: Record<string, string>;
  /** Options of Node. */
  nodeArgs?: readonly string[];
  /** This URL answers 200 when the service is ready. */
  readyUrl: string;
};

export type ServiceProcess = {
  readonly name: string;
  /** Undefined when no process runs. */
  readonly pid: number | undefined;
  /** The files that the process has loaded, as report-loads.ts reports them. */
  readonly loaded: readonly string[];
  /** Starts the process for the first time. When it ends before it is ready, throws with the reason in its output. */
  start(): Promise<void>;
  /** Waits until the service is ready. Throws after `timeoutMs`, or when the service is stopped. */
  ready(timeoutMs?: number): Promise<void>;
  /** Sends SIGKILL and waits for the end. Only a supervised service is started again. */
  kill(): Promise<void>;
  /**
   * Stops the process as stop() does if it runs, starts it, and waits until it is ready. Throws as start() and ready() do, and when
   * another call stops or restarts the service in the meantime.
   */
  restart(limits?: { graceMs?: number; timeoutMs?: number }): Promise<void>;
  /** Sends SIGTERM, and SIGKILL after `graceMs`. The service is not started again. */
  stop(graceMs: number): Promise<void>;
};

export type ServiceOptions = {
  log: EventLog;
  /** Start the process again, after a growing pause, when it ends unexpectedly. */
  supervised: boolean;
  backoff?: Backoff;
};

/** Creates a service without starting it. */
export function createService(definition: ServiceDefinition, options: ServiceOptions): ServiceProcess {
  return new RunningService(definition, options);
}

class RunningService implements ServiceProcess {
  readonly #definition: ServiceDefinition;
  readonly #options: ServiceOptions;
  readonly #backoff: Backoff;
  #child: ChildProcess | undefined;
  #lastWords = '';
  /** Whether the process should run, so that its end is an error. */
  #wanted = false;
  #supervised = false;
  #pause = new AbortController();
  #loaded: string[] = [];
  /** Counts the calls of restart() and stop(), of which the last one decides. */
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

  /** Ends the process on purpose, so that it is not started again. */
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
      // The service gets its own process group, so that Ctrl-C reaches only the supervisor, which stops the services in order. When
      // the supervisor is killed, the channel closes, and the service ends by itself.
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
    // 'close' comes after 'exit', when all output has been read.
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
    // After a signal, the signal is the reason; the last output has another cause.
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
    return false; // The service does not listen yet, or is too busy to answer.
  }
}

/** The message of a line of output that can explain an end; '' for other lines. */
function messageOf(line: string): string {
  // After an uncaught exception Node writes several lines; one of them names the error.
  if (!line.startsWith('{')) return /^(\w+ )*\w*Error\b/.test(line) ? line : '';
  try {
    const { level, msg, err } = JSON.parse(line);
    return level === 'fatal' ? [msg, err?.message].filter(Boolean).join(': ') : '';
  } catch {
    return '';
  }
}
