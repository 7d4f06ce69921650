// Batches: items that arrive while a batch runs go into the next one, as in `dataloader`, but for writes too. Without a running
// batch an item does not wait: its batch begins when the event loop has read all pending input.
import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import { currentDeadline, type Deadline, isOver, tooLate, withDeadline } from '../deadline.ts';
import { limitTime } from '../time-limit.ts';
import { isUndone } from './unanswered.ts';

/** Does the work of all items, or of none. Returns one result for each item, in their order. */
export type RunBatch<Item, Result> = (items: readonly Item[]) => Promise<readonly Result[]>;

export interface BatchOptions<Item, Result> {
  /** Runs an item alone after its batch failed. Default: calls `run`. */
  readonly alone?: (item: Item, run: () => Promise<readonly Result[]>) => Promise<readonly Result[]>;
  /** Whether the items of a failed batch run one by one. Default: when PostgreSQL has undone the whole batch. */
  readonly isDivisible?: (error: unknown) => boolean;
}

/** Limits how many rows one statement locks, and how many items run one by one after it failed. */
export const MOST_AT_ONCE = 100;
/** After this time the next batch begins, although the present one still runs (it may wait for a lock). */
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
 * Returns a function that puts an item into a batch. It resolves to the item's result, or rejects with the error of `run`. An item
 * whose deadline passes before its batch begins is SERVICE_UNAVAILABLE. A batch runs in the trace of its first item.
 */
export function createBatches<Item, Result>(
  run: RunBatch<Item, Result>,
  { alone = (_, runAlone) => runAlone(), isDivisible = isUndone }: BatchOptions<Item, Result> = {},
): (item: Item) => Promise<Result> {
  const waiting: Entry<Item, Result>[] = [];
  let isPumping = false;

  async function pump(): Promise<void> {
    await turn();
    while (waiting.length > 0)
      await limitTime(PATIENCE_MS, settle(waiting.splice(0, MOST_AT_ONCE)), () => undefined);
    isPumping = false;
  }

  /** Never rejects: each caller gets the result of its own item. */
  async function settle(entries: readonly Entry<Item, Result>[]): Promise<void> {
    const batch = entries.filter(isWanted);
    const [first] = batch;
    if (first === undefined) return;
    const items = batch.map(({ item }) => item);
    try {
      deliver(batch, await first.asCaller(() => runUnderEarliestDeadline(batch, () => run(items))));
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
 * Runs the batch under its earliest deadline; past it, each item runs alone under its own deadline. The end of one caller's
 * connection does not end the work of the others.
 */
function runUnderEarliestDeadline<Result>(
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
