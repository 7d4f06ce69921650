// Work that is done together: what arrives while a batch is under way goes into the next one, the habit of `dataloader` for
// writes as well. While nothing is under way nothing waits: a batch begins when the event loop has taken in what is there.
import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import { currentDeadline, type Deadline, isOver, tooLate, withDeadline } from '../deadline.ts';
import { isUndone } from './unanswered.ts';

/** Does all of it or nothing. Gives one result for each item, in their order. */
export type RunBatch<Item, Result> = (items: readonly Item[]) => Promise<readonly Result[]>;

export interface BatchOptions<Item, Result> {
  /** Runs an item alone whose batch has failed. Default: just that. */
  readonly alone?: (item: Item, run: () => Promise<readonly Result[]>) => Promise<readonly Result[]>;
  /** Whether the items of a batch that failed are run one by one. Default: when nothing of the batch was done. */
  readonly isDivisible?: (error: unknown) => boolean;
}

/** Bounds what one statement locks, and what is run one by one after it failed. */
export const MOST_AT_ONCE = 100;
/** A batch that takes longer, as one that waits for a lock does, keeps the next one waiting no more. */
const PATIENCE_MS = 250;

interface Entry<Item, Result> {
  readonly item: Item;
  readonly deadline: Deadline | undefined;
  /** Runs work in the trace and under the deadline of the caller. */
  readonly asCaller: <R>(work: () => R) => R;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Returns what puts an item into a batch: it resolves to the item's result and rejects with what `run` threw. An item whose
 * caller has given up before its batch begins is SERVICE_UNAVAILABLE. A batch runs in the trace of its first item.
 */
export function createBatches<Item, Result>(
  run: RunBatch<Item, Result>,
  { alone = (_, runAlone) => runAlone(), isDivisible = isUndone }: BatchOptions<Item, Result> = {},
): (item: Item) => Promise<Result> {
  const waiting: Entry<Item, Result>[] = [];
  let isPumping = false;

  async function pump(): Promise<void> {
    await turn();
    while (waiting.length > 0) await atMost(PATIENCE_MS, settle(waiting.splice(0, MOST_AT_ONCE)));
    isPumping = false;
  }

  /** Never rejects: each caller hears of its own item. */
  async function settle(entries: readonly Entry<Item, Result>[]): Promise<void> {
    const batch = entries.filter(isWanted);
    const [first] = batch;
    if (first === undefined) return;
    const items = batch.map(({ item }) => item);
    try {
      deliver(batch, await first.asCaller(() => underEarliest(batch, () => run(items))));
    } catch (error) {
      if (batch.length > 1 && isDivisible(error)) for (const entry of batch) await settleAlone(entry);
      else for (const { reject } of batch) reject(error);
    }
  }

  async function settleAlone(entry: Entry<Item, Result>): Promise<void> {
    if (!isWanted(entry)) return;
    try {
      deliver([entry], await entry.asCaller(() => alone(entry.item, () => run([entry.item]))));
    } catch (error) {
      entry.reject(error);
    }
  }

  return (item) =>
    new Promise((resolve, reject) => {
      const asCaller = AsyncLocalStorage.snapshot();
      waiting.push({ item, deadline: currentDeadline(), asCaller, resolve, reject });
      if (isPumping) return;
      isPumping = true;
      void pump();
    });
}

function isWanted({ deadline, reject }: Pick<Entry<unknown, unknown>, 'deadline' | 'reject'>): boolean {
  if (deadline === undefined || !isOver(deadline)) return true;
  reject(tooLate());
  return false;
}

/**
 * Under the earliest deadline of the batch: what comes too late for one is run for each alone, under its own. That one caller
 * has gone is no reason to end the work of the others.
 */
function underEarliest<Result>(
  batch: readonly { readonly deadline: Deadline | undefined }[],
  work: () => Result,
): Result {
  const deadlines = batch.map(({ deadline }) => deadline).filter((deadline) => deadline !== undefined);
  if (deadlines.length < 2) return work();
  const deadlineAt = Math.min(...deadlines.map((deadline) => deadline.deadlineAt));
  return withDeadline({ deadlineAt, signal: new AbortController().signal }, work);
}

function deliver<Result>(
  batch: readonly { readonly resolve: (result: Result) => void }[],
  results: readonly Result[],
): void {
  if (results.length !== batch.length)
    throw new Error(`a batch of ${batch.length} items gave ${results.length} results`);
  const each = results.values();
  for (const { resolve } of batch) {
    const { done, value } = each.next();
    if (!done) resolve(value);
  }
}

async function atMost(ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, timeout]);
  clearTimeout(timer);
}
