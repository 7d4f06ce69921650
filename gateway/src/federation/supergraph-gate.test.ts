// What a subgraph must serve under a supergraph, and when the gate lets a new supergraph through.

import { createLogger } from '@holdfast/platform/observability/log';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { compose } from '../test/stub-system.ts';
import { CORPUS_SCHEMAS } from './execution/corpus/schemas.ts';
import { neededSchemas } from './served-schema.ts';
import { Silent } from './subgraph.ts';
import { createSupergraphGate } from './supergraph-gate.ts';

const HEADER = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key"])';
const POTS = `${HEADER}
type Query { pots(first: Int, glaze: Glaze, match: Match): [Pot!]!  find: Found }
type Pot implements Named @key(fields: "id") { id: ID! name: String! litres: Int }
type Lid @key(fields: "pot { id }") { pot: Pot! }
interface Named { name: String! }
enum Glaze { RAW ASH }
input Match { name: String }
union Found = Pot | Lid`;

const needed = neededSchemas(compose({ pots: POTS })).get('pots');
const lacking = (from: string, to: string) => {
  const sdl = POTS.replaceAll(from, to);
  expect(sdl === POTS).toBe(from === to);
  return needed?.findLacking(sdl);
};

describe('a subgraph', () => {
  it.each([
    ['a field', ' litres: Int', '', 'Pot.litres was removed.'],
    ['an argument', 'first: Int, ', '', 'Query.pots arg first was removed.'],
    ['a value of an enum', ' ASH', '', 'ASH was removed from enum type Glaze.'],
    ['a member of an input', 'input Match { name', 'input Match { title', 'Match.name was removed.'],
    ['a member of a union', ' | Lid', '', 'Lid was removed from union type Found.'],
    ['an interface of a type', 'Pot implements Named', 'Pot', 'Pot no longer implements interface Named.'],
    ['a key', '"pot { id }"', '"pot { name }"', '@key(fields: "pot { id }") of Lid was removed.'],
  ])('lacks %s', (_, from, to, lack) => {
    expect(lacking(from, to)).toEqual([lack]);
  });

  it('lacks a type at each place of its use', () => {
    expect(lacking('Lid', 'Cover')).toEqual(
      expect.arrayContaining(['Lid was removed.', 'Lid was removed from union type Found.']),
    );
  });

  it.each([
    ['is of another type', 'litres: Int', 'litres: String', 'Pot.litres changed type from Int to String.'],
    ['may be null', '[Pot!]!', '[Pot!]', 'Query.pots changed type from [Pot!]! to [Pot!].'],
    [
      'takes another type',
      'first: Int',
      'first: ID',
      'Query.pots arg first has changed type from Int to ID.',
    ],
    [
      'needs one argument more',
      '(first',
      '(shelf: Int!, first',
      'A required arg shelf on Query.pots was added.',
    ],
    [
      'needs one member more',
      'Match {',
      'Match { of: ID!',
      'A required field of on input type Match was added.',
    ],
  ])('lacks what it has when that %s', (_, from, to, lack) => {
    expect(lacking(from, to)).toContain(lack);
  });

  it.each([
    ['what is needed', POTS, POTS],
    ['a field', 'litres: Int', 'litres: Int glaze: Glaze'],
    ['an argument that may be left out', '(first', '(shelf: Int, first'],
    ['values, members and types', 'RAW ASH', 'RAW ASH TIN } type Shelf { pots: [Pot!]! } enum Size { S L'],
    ['a stricter promise', 'litres: Int', 'litres: Int!'],
    ['a key', 'Pot implements Named', 'Pot implements Named @key(fields: "name")'],
    ['another version of federation', 'v2.3', 'v2.9'],
  ])('may have more: %s', (_, from, to) => {
    expect(lacking(from, to)).toEqual([]);
  });

  it('lacks no part of a supergraph that was composed of it, with every feature of federation', () => {
    const schemas = neededSchemas(compose(CORPUS_SCHEMAS));
    expect([...schemas.keys()].sort()).toEqual(Object.keys(CORPUS_SCHEMAS).sort());
    for (const [name, sdl] of Object.entries(CORPUS_SCHEMAS))
      expect({ name, lacking: schemas.get(name)?.findLacking(sdl) }).toEqual({ name, lacking: [] });
  });
});

describe('the gate', () => {
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

  /** A gate in front of one subgraph; the stub gives its SDL for the n-th request. */
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

  it('stays shut while one connection of ten reaches an old instance', async () => {
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
    ['sends an SDL that cannot be read', undefined],
  ])('stays shut for a subgraph that %s', async (_, failure) => {
    const now = jest.spyOn(performance, 'now');
    let isRepaired = false;
    const { state, opened, untilAsked } = start(() => {
      if (isRepaired) return NEW;
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
    isRepaired = true;
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
      'the gateway does not wait longer for a subgraph that does not answer',
    ]);
  });
});
