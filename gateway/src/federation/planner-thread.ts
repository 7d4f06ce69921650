// Runs a thread that makes query plans, and ends the thread when a plan takes too long. Planning is synchronous and has no
// limit of its own, so on the main thread one operation could delay all other requests.
import { Worker } from 'node:worker_threads';
import type { Logger } from '@holdfast/platform/observability/log';

export interface OperationText {
  /** A valid document. */
  readonly text: string;
  /** The name of the operation, when the document has several. */
  readonly name: string | undefined;
}

export type ToPlanner =
  | { readonly kind: 'supergraph'; readonly supergraphSdl: string }
  | { readonly kind: 'plan'; readonly operation: OperationText };

export type FromPlanner =
  | { readonly kind: 'ready' }
  | { readonly kind: 'plan'; readonly json: string }
  | { readonly kind: 'failed'; readonly reason: string };

/** The result of planning; `overran`: the thread was not done in time, or ran out of memory. */
export type Planned =
  | { readonly kind: 'plan'; readonly json: string }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'overran' };

/** The planner awaits each call before it makes the next one. */
export interface PlannerThread {
  /** Makes plans for this supergraph from now on. @throws when the thread cannot */
  use(supergraphSdl: string): Promise<void>;
  plan(operation: OperationText): Promise<Planned>;
  close(): Promise<void>;
}

export interface PlannerThreadOptions {
  /** The longest that one plan may take, ms. */
  readonly timeoutMs: number;
  readonly log: Logger;
}

/** The longest time to load the code and a supergraph, ms; it takes about 0.7 s on an idle machine. */
const START_MS = 30_000;
/** The planner itself takes some 20 MB. A plan that needs more than the rest counts as one that takes too long. */
const MAX_HEAP_MB = 128;

export function createPlannerThread({ timeoutMs, log }: PlannerThreadOptions): PlannerThread {
  let worker = startWorker(log);
  let supergraph: string | undefined;
  /** The supergraph that the current worker has loaded. */
  let loaded: string | undefined;
  let isClosed = false;

  async function restart(): Promise<void> {
    await worker.terminate();
    if (isClosed) throw new Error('the planner is closed');
    worker = startWorker(log);
    loaded = undefined;
  }

  async function load(supergraphSdl: string): Promise<void> {
    if (hasEnded(worker)) await restart();
    if (loaded === supergraphSdl) return;
    const answer = await ask(worker, { kind: 'supergraph', supergraphSdl }, START_MS);
    if (answer?.kind === 'ready') {
      loaded = supergraphSdl;
      return;
    }
    await restart();
    throw new Error(
      `the planner cannot be started: ${answer?.kind === 'failed' ? answer.reason : 'no answer'}`,
    );
  }

  return {
    use: async (supergraphSdl) => {
      supergraph = supergraphSdl;
      await load(supergraphSdl);
    },
    plan: async (operation) => {
      if (supergraph === undefined) throw new Error('there is no supergraph to plan for');
      await load(supergraph);
      const answer = await ask(worker, { kind: 'plan', operation }, timeoutMs);
      if (answer && answer.kind !== 'ready') return answer;
      await restart();
      return { kind: 'overran' };
    },
    close: async () => {
      isClosed = true;
      await worker.terminate();
    },
  };
}

function startWorker(log: Logger): Worker {
  const { NODE_COMPILE_CACHE } = process.env;
  const worker = new Worker(new URL('./planner-worker.ts', import.meta.url), {
    // The worker inherits neither the environment, which holds secrets, nor the options of the process. The compile cache of Node
    // makes it start faster.
    env: NODE_COMPILE_CACHE === undefined ? {} : { NODE_COMPILE_CACHE },
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
  });
  worker.on('error', (error) => log.warn({ err: error }, 'the planner thread has failed; a new one starts'));
  worker.unref();
  return worker;
}

const hasEnded = ({ threadId }: Worker): boolean => threadId < 0;

/** The answer of the worker; undefined when none came in time, or the worker has ended. */
function ask(worker: Worker, asked: ToPlanner, withinMs: number): Promise<FromPlanner | undefined> {
  return new Promise((resolve) => {
    const settle = (answer: FromPlanner | undefined): void => {
      clearTimeout(timer);
      worker.off('message', settle);
      worker.off('exit', end);
      resolve(answer);
    };
    const end = (): void => settle(undefined);
    const timer = setTimeout(end, withinMs);
    worker.on('message', settle);
    worker.on('exit', end);
    worker.postMessage(asked);
  });
}
