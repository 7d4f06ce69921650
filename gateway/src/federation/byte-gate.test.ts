// How much is read at a time.
import { expect, it } from '@jest/globals';
import { createByteGate } from './byte-gate.ts';

const never = new AbortController().signal;

/** What has come in, in order. */
function enterAll(sizes: readonly number[], max: number) {
  const gate = createByteGate(max);
  const inside: number[] = [];
  const leaves = sizes.map((size) =>
    gate.enter(size, never).then((leave) => {
      inside.push(size);
      return leave;
    }),
  );
  return { inside, leaves };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

it('lets in what fits, in the order of asking, and the next as others leave', async () => {
  const { inside, leaves } = enterAll([6, 3, 5, 1], 10);
  await settled();
  expect(inside).toEqual([6, 3]);
  (await leaves[1])?.();
  await settled();
  expect(inside).toEqual([6, 3]);
  (await leaves[0])?.();
  await settled();
  expect(inside).toEqual([6, 3, 5, 1]);
});

it('lets in alone what is larger than itself', async () => {
  const { inside, leaves } = enterAll([1, 20, 1], 10);
  await settled();
  expect(inside).toEqual([1]);
  (await leaves[0])?.();
  await settled();
  expect(inside).toEqual([1, 20]);
  (await leaves[1])?.();
  await settled();
  expect(inside).toEqual([1, 20, 1]);
});

it('forgets those who give up while they wait', async () => {
  const gate = createByteGate(10);
  const leave = await gate.enter(10, never);
  const abort = new AbortController();
  const waiting = gate.enter(10, abort.signal);
  abort.abort(new Error('too late'));
  await expect(waiting).rejects.toThrow('too late');
  const next = gate.enter(10, never);
  leave();
  (await next)();
  // One that was aborted before it came does not wait either.
  await expect(gate.enter(1, abort.signal)).rejects.toThrow('too late');
});
