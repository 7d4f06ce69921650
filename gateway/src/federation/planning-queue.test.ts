// Who is planned first, and who is sent away.
import { expect, it } from '@jest/globals';
import { type Asked, createPlanningQueue, type PlanningQueue } from './planning-queue.ts';

const LATER = 1_000;
const asked = (key: string, size: number, deadlineAt = LATER) => ({
  key,
  size,
  deadlineAt,
  operation: { text: key, name: undefined },
});
const PLAN = { plan: { kind: 'QueryPlan' }, size: 20, supergraphSdl: 'type Query' } as const;
const unavailable = { code: 'SERVICE_UNAVAILABLE', extensions: { retryAfter: 1, http: { status: 503 } } };

/** A test may look at a plan after it has failed. */
function add(queue: PlanningQueue, operation: Asked) {
  const plan = queue.add(operation);
  plan.catch(() => undefined);
  return plan;
}

it('gives the smallest first, and of equals the one that came first', () => {
  const queue = createPlanningQueue();
  for (const [key, size] of [
    ['c', 30],
    ['a', 10],
    ['b', 10],
    ['d', 40],
  ] as const)
    void add(queue, asked(key, size));
  const order = Array.from({ length: 5 }, () => queue.take(0)?.key);
  expect(order).toEqual(['a', 'b', 'c', 'd', undefined]);
});

it('sends the largest away when too many wait', async () => {
  const queue = createPlanningQueue(2);
  const large = add(queue, asked('large', 100));
  const small = add(queue, asked('small', 1));
  const next = add(queue, asked('next', 2));
  await expect(large).rejects.toMatchObject(unavailable);
  await expect(add(queue, asked('larger', 200))).rejects.toMatchObject(unavailable);
  queue.take(0)?.resolve(PLAN);
  queue.take(0)?.resolve(PLAN);
  expect(await Promise.all([small, next])).toEqual([PLAN, PLAN]);
});

it('sends away what nobody waits for any more', async () => {
  const queue = createPlanningQueue();
  const late = add(queue, asked('late', 1, 10));
  void add(queue, asked('good', 2, 20));
  expect(queue.take(10)?.key).toBe('good');
  await expect(late).rejects.toMatchObject(unavailable);
});

it('joins those who ask for the same, until it is settled', async () => {
  const queue = createPlanningQueue();
  const first = add(queue, asked('a', 1));
  const taken = queue.take(0);
  const second = add(queue, asked('a', 1));
  expect(queue.take(0)).toBeUndefined();
  taken?.resolve(PLAN);
  expect(await Promise.all([first, second])).toEqual([PLAN, PLAN]);
  void add(queue, asked('a', 1));
  expect(queue.take(0)?.key).toBe('a');
});

it('can put back what was taken, and send away all that is not settled', async () => {
  const queue = createPlanningQueue();
  const plan = add(queue, asked('a', 1));
  const taken = queue.take(0);
  if (taken) queue.putBack(taken);
  queue.rejectAll(new Error('the end'));
  await expect(plan).rejects.toThrow('the end');
  expect(queue.take(0)).toBeUndefined();
  const underWay = add(queue, asked('b', 1));
  queue.take(0);
  queue.rejectAll(new Error('the end'));
  await expect(underWay).rejects.toThrow('the end');
});

it('an early deadline sends one caller away, and the plan goes on for those who have more time', async () => {
  const queue = createPlanningQueue();
  const early = add(queue, asked('a', 1, Date.now() + 20));
  const later = add(queue, asked('a', 1, Date.now() + 60_000));
  await expect(early).rejects.toMatchObject(unavailable);
  const taken = queue.take(Date.now());
  taken?.resolve(PLAN);
  expect(await later).toBe(PLAN);
});

it('the last deadline sends the plan itself away', async () => {
  const queue = createPlanningQueue();
  const callers = [30, 20].map((ms) => add(queue, asked('a', 1, Date.now() + ms)));
  for (const caller of callers) await expect(caller).rejects.toMatchObject(unavailable);
  expect(queue.take(0)).toBeUndefined();
});
