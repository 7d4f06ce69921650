// Query plans from the thread of the planner, for the real supergraph and for small ones, the queue before it, and the store of
// operations, which keeps the plans.
import { readFile } from 'node:fs/promises';
import { operationFromDocument, Supergraph } from '@apollo/federation-internals';
import { QueryPlanner } from '@apollo/query-planner';
import { AppError } from '@holdfast/platform/errors';
import { createLogger } from '@holdfast/platform/observability/log';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse } from 'graphql';
import { describeStore } from '../test/store.ts';
import { compose } from '../test/stub-system.ts';
import { createPlanner, type PlannableOperation, type Planner } from './planner.ts';
import { type Asked, createPlanningQueue, type PlanningQueue } from './planning-queue.ts';

const log = createLogger('test', 'silent');

const TIMEOUT_MS = 1_500;

const sdl = await readFile(new URL('../../supergraph.graphql', import.meta.url), 'utf8');
const supergraph = Supergraph.build(sdl);
let planner: Planner;
beforeAll(() => {
  planner = createPlanner({ timeoutMs: TIMEOUT_MS, log });
  planner.use(sdl);
});
afterAll(() => planner.close());

const operation = (text: string, name?: string): PlannableOperation => ({
  text,
  name,
  selections: text.length,
  deadlineAt: Date.now() + 60_000,
});
const plan = async (text: string, name?: string) => (await planner.plan(operation(text, name))).plan;

/** Every condition doubles what the planner looks at: seconds of work, for any machine. */
function heavy(levels = 12): string {
  const fragments = Array.from(
    { length: levels },
    (_, n) => `fragment f${n} on Query { ...f${n + 1} @include(if: $a) ...f${n + 1} @skip(if: $b) }`,
  );
  return `query ($a: Boolean!, $b: Boolean!) { ...f0 } ${fragments.join(' ')} fragment f${levels} on Query { __typename }`;
}

const OPERATIONS: [text: string, operationName?: string][] = [
  ['{ product(id: 1) { id name } }'],
  [
    'query A { me { id } } query B($n: Int) { orders(first: $n) { edges { node { product { name } } } } }',
    'B',
  ],
  [
    `query ($a: Boolean!) { me @include(if: $a) { username ...f } orders { edges { node { user { email ...f } } } } }
     fragment f on User { orders(first: 3) { edges { cursor node { product { price } } } } }`,
  ],
  [
    `mutation ($input: CreateOrderInput!) { createOrder(input: $input) { __typename ... on Problem { code }
     ... on Order { id product { name } user { username } } } adjustStock(id: "1", delta: 2) { __typename } }`,
  ],
  ['{ __typename __schema { queryType { name } } me { __typename id } }'],
  ['{ __typename }'],
];

describe('a plan', () => {
  it('equals the plan that the planner of Apollo makes in this thread', async () => {
    const own = new QueryPlanner(supergraph);
    for (const [text, operationName] of OPERATIONS) {
      const options = operationName === undefined ? {} : { operationName };
      const expected = own.buildQueryPlan(
        operationFromDocument(supergraph.apiSchema(), parse(text), options),
      );
      expect(await plan(text, operationName)).toEqual(JSON.parse(JSON.stringify(expected)));
    }
  });

  it('is made once for all concurrent callers', async () => {
    const [first, second] = await Promise.all([plan('{ me { id } }'), plan('{ me { id } }')]);
    expect(second).toBe(first);
    const named = 'query A { me { id } } query B { me { username } }';
    expect(await plan(named, 'A')).not.toEqual(await plan(named, 'B'));
  });

  it('that cannot be made fails, and the next one is made', async () => {
    await expect(plan('{ unknown { id } }')).rejects.toThrow(/^an operation cannot be planned: .*unknown/);
    expect(await plan('{ me { id } }')).toMatchObject({ kind: 'QueryPlan' });
  });
});

describe('an operation that takes too long to plan', () => {
  const TOO_LONG = {
    message: `An operation that can be planned within ${TIMEOUT_MS} ms is expected; this one takes longer.`,
    extensions: { code: 'QUERY_TOO_COMPLEX', limit: TIMEOUT_MS, http: { status: 400 } },
  };

  it('is refused after that time while this thread is free, and from then on at once; others are planned', async () => {
    await plan('{ me { id } }');
    let turns = 0;
    const timer = setInterval(() => {
      turns += 1;
    }, 10);
    await expect(plan(heavy(13))).rejects.toMatchObject(TOO_LONG);
    clearInterval(timer);
    expect(turns).toBeGreaterThan(20);
    const before = performance.now();
    await expect(plan(heavy(13))).rejects.toMatchObject(TOO_LONG);
    expect(performance.now() - before).toBeLessThan(TIMEOUT_MS / 2);
    expect(await plan('{ me { username } }')).toMatchObject({ kind: 'QueryPlan' });
  });
});

describe('a new supergraph', () => {
  const header = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])';
  const one = compose({ one: `${header} type Query { me: String }` });
  const other = compose({ other: `${header} type Query { me: String }` });

  let planner: Planner;
  beforeAll(() => {
    planner = createPlanner({ timeoutMs: 30_000, log });
  });
  afterAll(() => planner.close());
  const plan = async (text: string) => (await planner.plan(operation(text))).plan;

  it('is required for the first plan, which waits for it', async () => {
    expect(() => planner.check()).toThrow('no query can be planned');
    const first = plan('{ me }');
    planner.use(one);
    expect(await first).toMatchObject({ node: { serviceName: 'one' } });
    planner.check();
  });

  it('is used for every later plan, and for plans in progress', async () => {
    planner.use(one);
    expect(await plan('{ me }')).toMatchObject({ node: { serviceName: 'one' } });
    const underWay = plan('{ a: me }');
    planner.use(other);
    expect(await underWay).toMatchObject({ node: { serviceName: 'other' } });
    expect(await plan('{ me }')).toMatchObject({ node: { serviceName: 'other' } });
  });

  it('that the thread cannot load makes waiting operations fail with SERVICE_UNAVAILABLE', async () => {
    planner.use('type Query { me: String }');
    const waiting = plan('{ me }');
    const error = await waiting.catch((error: unknown) => error);
    expect(error).toBeInstanceOf(AppError);
    expect(error).toMatchObject({ code: 'SERVICE_UNAVAILABLE', extensions: { retryAfter: 1 } });
    expect(() => planner.check()).toThrow('no query can be planned');
    planner.use(one);
    expect(await plan('{ me }')).toMatchObject({ node: { serviceName: 'one' } });
  });
});

describe('the queue of the planner', () => {
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

  it('gives the smallest first, and the earlier one of two equal sizes', () => {
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

  it('rejects the largest when too many wait', async () => {
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

  it('rejects an operation whose deadline has passed', async () => {
    const queue = createPlanningQueue();
    const late = add(queue, asked('late', 1, 10));
    void add(queue, asked('good', 2, 20));
    expect(queue.take(10)?.key).toBe('good');
    await expect(late).rejects.toMatchObject(unavailable);
  });

  it('shares one entry among callers of the same operation until it has a plan', async () => {
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

  it('can put a taken entry back, and reject every entry without a plan', async () => {
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

  it('rejects one caller at an early deadline, and keeps the entry for callers with later deadlines', async () => {
    const queue = createPlanningQueue();
    const early = add(queue, asked('a', 1, Date.now() + 20));
    const later = add(queue, asked('a', 1, Date.now() + 60_000));
    await expect(early).rejects.toMatchObject(unavailable);
    const taken = queue.take(Date.now());
    taken?.resolve(PLAN);
    expect(await later).toBe(PLAN);
  });

  it('drops the entry at the last deadline', async () => {
    const queue = createPlanningQueue();
    const callers = [30, 20].map((ms) => add(queue, asked('a', 1, Date.now() + ms)));
    for (const caller of callers) await expect(caller).rejects.toMatchObject(unavailable);
    expect(queue.take(0)).toBeUndefined();
  });
});

describe('the store of operations', () => {
  describeStore({ planner: () => planner, sdl, schema: supergraph.apiSchema().toGraphQLJSSchema() });
});
