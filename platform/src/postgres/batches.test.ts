// Batches: which items share one, and the result of each item when a batch fails.
import { AsyncLocalStorage } from 'node:async_hooks';
import { beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { withDeadline } from '../deadline.ts';
import { createBatches, MOST_AT_ONCE } from './batches.ts';

let batches: number[][];
beforeEach(() => {
  batches = [];
});

const double = async (items: readonly number[]): Promise<number[]> => {
  batches.push([...items]);
  return items.map((item) => 2 * item);
};
const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);

/** PostgreSQL's error for a statement that it has undone. */
function undone(): Error {
  const error = new pg.DatabaseError('duplicate key value violates unique constraint', 1, 'error');
  error.code = '23505';
  return error;
}

/** Batches that fail while they hold a 3. */
const withoutThree = (error: () => Error) => async (items: readonly number[]) => {
  const results = await double(items);
  if (items.includes(3)) throw error();
  return results;
};

describe('a batch', () => {
  it('has the items of one moment, each with its own result', async () => {
    const add = createBatches(double);
    expect(await Promise.all(numbers(3).map(add))).toEqual([0, 2, 4]);
    expect(batches).toEqual([[0, 1, 2]]);
  });

  it('takes the items that arrived during the previous one, up to its limit', async () => {
    const { promise: over, resolve: end } = Promise.withResolvers<void>();
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const add = createBatches(async (items: readonly number[]) => {
      const results = await double(items);
      begin();
      await over;
      return results;
    });
    const first = add(0);
    await begun;
    const others = numbers(MOST_AT_ONCE + 5).map(add);
    expect(batches).toEqual([[0]]);
    end();
    await Promise.all([first, ...others]);
    expect(batches.map(({ length }) => length)).toEqual([1, MOST_AT_ONCE, 5]);
  });

  it('that takes long does not block the next one for ever', async () => {
    const { promise: never } = Promise.withResolvers<number[]>();
    const add = createBatches((items: readonly number[]) => (items.includes(0) ? never : double(items)));
    void add(0);
    await new Promise((resolve) => setImmediate(resolve));
    expect(await add(1)).toBe(2);
  });

  it('runs in the context of its first caller', async () => {
    const asking = new AsyncLocalStorage<string>();
    const add = createBatches(async (items: readonly number[]) => items.map(() => asking.getStore()));
    const ask = (name: string) => asking.run(name, () => add(0));
    expect(await Promise.all([ask('first'), ask('second')])).toEqual(['first', 'first']);
    expect(await ask('third')).toBe('third');
  });

  it('with fewer results than items is an error for all of them', async () => {
    const add = createBatches(async () => []);
    await expect(add(1)).rejects.toThrow('a batch of 1 items gave 0 results');
  });
});

describe('a batch that fails', () => {
  const settled = (add: (item: number) => Promise<number>) => Promise.allSettled(numbers(5).map(add));
  const failed = (outcomes: PromiseSettledResult<number>[]) =>
    outcomes.flatMap(({ status }, index) => (status === 'rejected' ? [index] : []));

  it('and was undone harms only the item for which it failed', async () => {
    expect(failed(await settled(createBatches(withoutThree(undone))))).toEqual([3]);
    expect(batches).toEqual([[0, 1, 2, 3, 4], [0], [1], [2], [3], [4]]);
  });

  it('and may have been done is not done again', async () => {
    const add = createBatches(withoutThree(() => new Error('Connection terminated unexpectedly')));
    expect(failed(await settled(add))).toEqual([0, 1, 2, 3, 4]);
    expect(batches).toHaveLength(1);
  });

  it('runs its items alone by the given function', async () => {
    const alone: number[] = [];
    const add = createBatches(withoutThree(undone), {
      alone: (item, run) => {
        alone.push(item);
        return run();
      },
    });
    expect(failed(await settled(add))).toEqual([3]);
    expect(alone).toEqual(numbers(5));
  });
});

describe('a caller that has given up', () => {
  const until = (deadlineAt: number, work: () => Promise<number>) =>
    withDeadline({ deadlineAt, signal: new AbortController().signal }, work);

  it('before its batch begins is refused, and the others are not', async () => {
    const add = createBatches(double);
    const late = until(Date.now() - 1, () => add(1));
    const [outcome, other] = await Promise.allSettled([late, until(Date.now() + 10_000, () => add(2))]);
    expect(outcome).toMatchObject({ reason: { code: 'SERVICE_UNAVAILABLE' } });
    expect(other).toEqual({ status: 'fulfilled', value: 4 });
    expect(batches).toEqual([[2]]);
  });
});
