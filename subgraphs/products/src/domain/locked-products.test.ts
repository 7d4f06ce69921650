import { GiveWay } from '@holdfast/platform/queue/give-way';
import { beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { createLockedProducts, type LockedProducts } from './locked-products.ts';

let nowMs: number;
let products: LockedProducts;
let tries: number[];

beforeEach(() => {
  nowMs = 0;
  tries = [];
  products = createLockedProducts(() => nowMs);
});

const run = (productId: number, error?: Error) =>
  products.unlessLocked(productId, async () => {
    tries.push(productId);
    if (error) throw error;
  });

function lockTimeout(): Error {
  const error = new pg.DatabaseError('canceling statement due to lock timeout', 1, 'error');
  error.code = '55P03';
  return error;
}

describe('jobs of a locked product', () => {
  it('give way untried after one has met the lock, and those of others are tried', async () => {
    await expect(run(1, lockTimeout())).rejects.toMatchObject({ code: '55P03' });
    await expect(run(1)).rejects.toBeInstanceOf(GiveWay);
    await run(2);
    expect(tries).toEqual([1, 2]);
  });

  it('let one try again after a second, and wait for what it finds out', async () => {
    await expect(run(1, lockTimeout())).rejects.toThrow();
    nowMs = 1_000;
    const trying = products.unlessLocked(1, async () => {
      await expect(run(1)).rejects.toBeInstanceOf(GiveWay);
      throw lockTimeout();
    });
    await expect(trying).rejects.toMatchObject({ code: '55P03' });
    nowMs = 1_999;
    await expect(run(1)).rejects.toBeInstanceOf(GiveWay);
    nowMs = 2_000;
    await run(1);
    await run(1);
    expect(tries).toEqual([1, 1, 1]);
  });

  it('are tried as ever after another error', async () => {
    await expect(run(1, new Error('the connection was lost'))).rejects.toThrow('lost');
    await run(1);
    expect(tries).toEqual([1, 1]);
  });
});
