import { expect, it } from '@jest/globals';
import { countSettled } from './settled.ts';

/** A reading of the latest orders; those of `pending` are not settled. */
const look = (atMs: number, ids: readonly number[], pending: readonly number[] = []) => ({
  atMs,
  latest: ids.map((id) => ({ id: String(id), status: pending.includes(id) ? 'PENDING' : 'CONFIRMED' })),
});

it('counts new settled orders, and pending orders that have been settled since', () => {
  const before = look(0, [3, 2, 1], [3]);
  expect(countSettled(before, look(2_000, [5, 4, 3], [5]))).toEqual({ perSecond: 1, atLeast: false });
});

it('does not count a step of an order that was settled before', () => {
  const before = look(0, [2, 1]);
  const shipped = { atMs: 1_000, latest: [{ id: '2', status: 'SHIPPED' }, ...look(0, [1]).latest] };
  expect(countSettled(before, shipped)).toEqual({ perSecond: 0, atLeast: false });
});

it('reports that there may be more when the list has no order of the reading before', () => {
  expect(countSettled(look(0, [2, 1]), look(1_000, [9, 8]))).toEqual({ perSecond: 2, atLeast: true });
  expect(countSettled(look(0, [2, 1]), look(1_000, [4, 3]))).toEqual({ perSecond: 2, atLeast: false });
});

it('counts the first orders of a shop', () => {
  expect(countSettled(look(0, []), look(1_000, [2, 1]))).toEqual({ perSecond: 2, atLeast: false });
});
