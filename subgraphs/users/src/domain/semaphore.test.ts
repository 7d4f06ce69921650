// Bounds on costly work: how much runs, how much waits, and who is turned away.

import { withDeadline } from '@holdfast/platform/deadline';
import { AppError } from '@holdfast/platform/errors';
import { describe, expect, it } from '@jest/globals';
import { createSemaphore } from './semaphore.ts';

/** Work that ends when it is told to. */
function controllable() {
  const ends: (() => void)[] = [];
  let running = 0;
  let most = 0;
  const work = async (): Promise<number> => {
    running += 1;
    most = Math.max(most, running);
    const place = ends.length;
    await new Promise<void>((resolve) => ends.push(resolve));
    running -= 1;
    return place;
  };
  return { work, end: (place: number) => ends[place]?.(), started: () => ends.length, most: () => most };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('a semaphore', () => {
  it('runs as many as it may at once, the others in the order in which they came', async () => {
    const { work, end, started, most } = controllable();
    const semaphore = createSemaphore({ concurrency: 2, maxWaiting: 10 });
    const places: number[] = [];
    const all = Promise.all(
      [0, 1, 2, 3, 4].map((caller) => semaphore.run([], work).then((place) => (places[caller] = place))),
    );
    await settle();
    expect(started()).toBe(2);
    for (const place of [1, 0, 2, 3, 4]) {
      end(place);
      await settle();
    }
    await all;
    expect(places).toEqual([0, 1, 2, 3, 4]);
    expect(most()).toBe(2);
  });

  it('refuses work at once when too much work waits', async () => {
    const { work, end } = controllable();
    const semaphore = createSemaphore({ concurrency: 1, maxWaiting: 1 });
    const first = semaphore.run([], work);
    const second = semaphore.run([], work);
    const third = semaphore.run([], work);
    await expect(third).rejects.toThrow(AppError);
    await expect(third).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE', extensions: { retryAfter: 1 } });
    end(0);
    await settle();
    end(1);
    expect(await Promise.all([first, second])).toEqual([0, 1]);
  });

  it('does not begin what was given up while it waited, and goes on with the next', async () => {
    const { work, end, started } = controllable();
    const semaphore = createSemaphore({ concurrency: 1, maxWaiting: 2 });
    const first = semaphore.run([], work);
    const caller = new AbortController();
    const deadline = { deadlineAt: Number.POSITIVE_INFINITY, signal: caller.signal };
    const givenUp = withDeadline(deadline, () => semaphore.run([], work));
    const patient = semaphore.run([], work);
    await settle();
    caller.abort();
    end(0);
    await expect(givenUp).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
    await settle();
    expect(started()).toBe(2);
    end(1);
    expect(await Promise.all([first, patient])).toEqual([0, 1]);
  });

  it('gives the place of failed work back', async () => {
    const semaphore = createSemaphore({ concurrency: 1, maxWaiting: 0 });
    for (let round = 0; round < 3; round += 1) {
      await expect(semaphore.run([], () => Promise.reject(new Error('failed')))).rejects.toThrow('failed');
    }
    expect(await semaphore.run([], async () => 'served')).toBe('served');
  });

  it('never runs more than it may when a place is handed on while others come', async () => {
    const semaphore = createSemaphore({ concurrency: 3, maxWaiting: 1_000 });
    let running = 0;
    let most = 0;
    const work = async (): Promise<void> => {
      running += 1;
      most = Math.max(most, running);
      await settle();
      running -= 1;
    };
    await Promise.all(
      Array.from({ length: 200 }, async (_, index) => {
        if (index % 3 === 0) await settle();
        await semaphore.run([], work);
      }),
    );
    expect(most).toBe(3);
  });

  it('gives each share one turn in a round, however many of its turns wait', async () => {
    const { work, end } = controllable();
    const semaphore = createSemaphore({ concurrency: 1, maxWaiting: 100 });
    const ended: string[] = [];
    const ask = (name: string, ...shares: string[]) =>
      semaphore.run(shares, work).then(() => ended.push(name));
    const all = [ask('first')];
    for (const round of [1, 2, 3, 4])
      all.push(
        ask(`flood ${round}`, 'address a', `account ${round}`),
        ask(`target ${round}`, `address ${round}`, 'account t'),
      );
    all.push(ask('owner', 'address o', 'account t'), ask('victim', 'address v', 'account v'));
    await settle();
    for (let place = 0; place < 6; place += 1) {
      end(place);
      await settle();
    }
    all.push(ask('late', 'address l'));
    for (let place = 6; place < all.length; place += 1) {
      end(place);
      await settle();
    }
    await Promise.all(all);
    expect(ended).toEqual([
      ...['first', 'flood 1', 'target 1', 'victim', 'flood 2', 'target 2'],
      ...['flood 3', 'target 3', 'flood 4', 'target 4', 'late', 'owner'],
    ]);
  });

  it('lets one share fill a quarter of the queue, which leaves room for others', async () => {
    const { work, end } = controllable();
    const semaphore = createSemaphore({ concurrency: 1, maxWaiting: 8 });
    const flood = Array.from({ length: 10 }, (_, index) =>
      semaphore.run(['address a', `account ${index}`], work),
    );
    const refused = (await Promise.allSettled([...flood.slice(3), Promise.resolve()])).filter(
      ({ status }) => status === 'rejected',
    );
    expect(refused).toHaveLength(7);
    expect(semaphore.waiting).toBe(2);
    const other = semaphore.run(['address b'], work);
    for (let place = 0; place < 4; place += 1) {
      end(place);
      await settle();
    }
    expect(await other).toBe(2);
    expect([semaphore.running, semaphore.waiting]).toEqual([0, 0]);
    await Promise.all(flood.slice(0, 3));
    // The queue does not remember it.
    const again = semaphore.run(['address a'], work);
    await settle();
    end(4);
    expect(await again).toBe(4);
  });
});
