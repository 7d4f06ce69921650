// Random reads and writes of products on several instances, and the record of what readers were shown.
import { expect } from '@jest/globals';

const FIELDS = 'id version stock description';
export const READ = `query($id: ID!) { product(id: $id) { ${FIELDS} } }`;
export const ENTITIES = `query($r: [_Any!]!) { _entities(representations: $r) { ... on Product { ${FIELDS} } } }`;
const PAGE = `query($search: String) { products(first: 50, filter: { search: $search }) { edges { node { ${FIELDS} } } } }`;
const ADJUST = `mutation($id: ID!) { adjustStock(id: $id, delta: 1) { ... on Product { ${FIELDS} } } }`;
const UPDATE = `mutation($id: ID!, $v: Int!, $d: String!) {
  updateProduct(id: $id, expectedVersion: $v, input: { description: $d }) {
    ... on Product { ${FIELDS} } ... on VersionConflict { current { ${FIELDS} } } } }`;

interface Seen {
  readonly id: string;
  readonly version: number;
  readonly stock: number;
  readonly description: string;
}

export interface Catalog {
  /** The name of its products, which no other product has. */
  readonly mark: string;
  readonly ids: readonly string[];
}

/** Sends an operation to an instance and resolves with the data. */
// biome-ignore lint/suspicious/noExplicitAny: the data of a reply is what the system under test sent
export type Ask = (url: string, query: string, variables: object) => Promise<any>;

const pick = <T>(from: readonly T[]): T => {
  const one = from[Math.floor(Math.random() * from.length)];
  if (one === undefined) throw new Error('expected at least one element to pick');
  return one;
};

/**
 * What readers were shown so far, and when. A reply may show no version older than what was shown `maxAgeMs` before its request
 * was sent, and each version as it was shown before.
 */
export class Witness {
  readonly #shown = new Map<string, { readonly seen: Seen; readonly at: number }[]>();
  operations = 0;
  maxAgeMs = 0;

  async watch(work: () => Promise<readonly Seen[]>): Promise<void> {
    const askedAt = performance.now();
    for (const seen of await work()) {
      const shown = this.#shown.get(seen.id) ?? [];
      const floor = shown.findLast(({ at }) => at <= askedAt - this.maxAgeMs)?.seen.version ?? 0;
      expect(seen.version).toBeGreaterThanOrEqual(floor);
      const same = shown.find(({ seen: { version } }) => version === seen.version);
      if (same) expect(seen).toEqual(same.seen);
      if (seen.version > (shown.at(-1)?.seen.version ?? 0)) shown.push({ seen, at: performance.now() });
      this.#shown.set(seen.id, shown.slice(-1_000));
    }
    this.operations += 1;
  }

  newest(id: string): Seen {
    const seen = this.#shown.get(id)?.at(-1)?.seen;
    if (!seen) throw new Error(`expected that a reader was shown the product ${id}`);
    return seen;
  }
}

/** One operation on an instance: mostly reads of several kinds, and some writes. */
export function operate(ask: Ask, { mark, ids }: Catalog, witness: Witness, url: string): Promise<void> {
  const id = pick(ids);
  const dice = Math.random();
  return witness.watch(async () => {
    if (dice < 0.4) return [(await ask(url, READ, { id })).product];
    if (dice < 0.5) {
      const r = ids.map((each) => ({ __typename: 'Product', id: each }));
      return (await ask(url, ENTITIES, { r }))._entities;
    }
    if (dice < 0.75) {
      const { edges } = (await ask(url, PAGE, { search: mark })).products;
      return edges.map(({ node }: { node: Seen }) => node);
    }
    if (dice < 0.93) return [(await ask(url, ADJUST, { id })).adjustStock];
    const { version } = witness.newest(id);
    const { updateProduct } = await ask(url, UPDATE, { id, v: version, d: `after ${version}` });
    return [updateProduct.current ?? updateProduct];
  });
}
