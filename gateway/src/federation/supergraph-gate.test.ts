// When the gate lets a supergraph through: what each kind of answer of a subgraph means, and how many are asked for.
import { createLogger } from '@holdfast/platform/observability/log';
import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { compose } from '../test/stub-system.ts';
import { neededSchemas } from './served-schema.ts';
import { Silent } from './subgraph.ts';
import { createSupergraphGate } from './supergraph-gate.ts';

const HEADER = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])';
const OLD = `${HEADER} type Query { pot: String }`;
const NEW = `${HEADER} type Query { pot: String size: Int }`;
const log = createLogger('test', 'silent');
const warn = jest.spyOn(log, 'warn');

let ended: AbortController;
beforeEach(() => {
  ended = new AbortController();
  warn.mockClear();
});
afterEach(() => ended.abort());

/** A gate before one subgraph, whose SDL the stub tells when it is asked for the n-th time. */
function start(stub: (asked: number) => string) {
  const state = { asked: 0, isOpen: false };
  const sdl = async () => stub(state.asked++);
  const gate = createSupergraphGate({ subgraphs: new Map([['products', { sdl }]]), log });
  const opened = gate.untilServed(neededSchemas(compose({ products: NEW })), ended.signal).then((is) => {
    state.isOpen = is;
  });
  const untilAsked = async (times: number) => {
    while (state.asked < times && !state.isOpen) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  return { state, opened, untilAsked };
}

it('stays shut while one connection of ten meets an instance of before', async () => {
  let isReplaced = false;
  const { state, opened, untilAsked } = start((asked) => (asked % 10 === 9 && !isReplaced ? OLD : NEW));
  await untilAsked(21);
  expect(state.isOpen).toBe(false);
  isReplaced = true;
  await opened;
  expect(state.isOpen).toBe(true);
});

it.each([
  ['refuses this gateway', () => new Error('the subgraph refused the service token of this gateway')],
  ['tells an SDL that cannot be read', undefined],
])('is no shorter shut for a subgraph that %s than for one of before', async (_, failure) => {
  const now = jest.spyOn(performance, 'now');
  let isMended = false;
  const { state, opened, untilAsked } = start(() => {
    if (isMended) return NEW;
    if (failure) throw failure();
    return 'type {';
  });
  await untilAsked(1);
  now.mockReturnValue(performance.now() + 60_000);
  await untilAsked(3);
  now.mockRestore();
  expect({ isOpen: state.isOpen, told: warn.mock.calls.map(([, message]) => message) }).toEqual({
    isOpen: false,
    told: ['a supergraph waits for a subgraph'],
  });
  isMended = true;
  await opened;
  expect(state.isOpen).toBe(true);
});

it('opens when a subgraph has been silent for 5 s, and the log says so', async () => {
  const now = jest.spyOn(performance, 'now');
  const { state, opened, untilAsked } = start(() => {
    throw new Silent('the subgraph does not answer');
  });
  await untilAsked(2);
  expect(state.isOpen).toBe(false);
  now.mockReturnValue(performance.now() + 5_000);
  await opened;
  now.mockRestore();
  expect(state.isOpen).toBe(true);
  expect(warn.mock.calls.map(([, message]) => message)).toEqual([
    'a supergraph waits for a subgraph',
    'a subgraph that does not answer holds no supergraph back',
  ]);
});
