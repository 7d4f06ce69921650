// New supergraphs under constant load.
import { rename, symlink, writeFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { supergraphWaits } from '../federation/subgraph-metrics.ts';
import { compose, type StubSystem, type SubgraphName, startStubSystem, untilPasses } from './stub-system.ts';

const HEADER = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])';
const SCHEMAS: Record<SubgraphName, string> = {
  users: `${HEADER} type Query { me: User forbidden: String } type User @key(fields: "id") { id: ID! name: String! }`,
  products: `${HEADER} type Query { pot: Pot } type Pot @key(fields: "id") { id: ID! name: String }`,
  orders: `${HEADER} type Query { order: Order } type Order @key(fields: "id") { id: ID! pot: Pot }
    type Pot @key(fields: "id", resolvable: false) { id: ID! }`,
};
const resolvers = {
  users: { Query: { me: () => ({ id: '1', name: 'ada' }) } },
  products: { Pot: { __resolveReference: ({ id }: { id: string }) => ({ id, name: 'Pot' }) } },
  orders: { Query: { order: () => ({ id: '1', pot: { __typename: 'Pot', id: '7' } }) } },
};

export function describeNewSupergraphs(): void {
  let system: StubSystem;
  const useSystem = (settings: Record<string, string>, supergraph = SCHEMAS) => {
    beforeAll(async () => {
      system = await startStubSystem({ resolvers, schemas: SCHEMAS, supergraph, settings });
    });
    afterAll(() => system.close());
  };
  afterEach(() => {
    jest.restoreAllMocks();
  });

  async function ask(query: string) {
    const reply = await fetch(`${system.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json' },
      body: JSON.stringify({ query }),
    });
    return { status: reply.status, body: JSON.parse(await reply.text()) };
  }

  async function until(condition: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + 30_000;
    while (!(await condition())) {
      if (Date.now() > deadline) throw new Error('the condition did not become true in time');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  const WITHOUT_FORBIDDEN = { ...SCHEMAS, users: SCHEMAS.users.replace('forbidden: String', '') };
  const WITH_UNKNOWN_SUBGRAPH = { ...WITHOUT_FORBIDDEN, reviews: `${HEADER} type Query { review: String }` };

  const WITH_SIZE = {
    ...SCHEMAS,
    products: SCHEMAS.products.replace('name: String', 'name: String size: Int'),
  };
  const SIZE = '{ order { pot { size } } }';
  const checkServed = () => system.checks['subgraphs']?.();
  const waitingSubgraphs = async () => (await supergraphWaits.get()).values.filter(({ value }) => value > 0);
  const isWithoutForbidden = async () => (await ask('{ forbidden }')).status === 400;

  /** Writes the file in one step, so that the gateway never reads a half of it. */
  async function replaceFile(supergraph: string): Promise<void> {
    await writeFile(`${system.supergraphFile}.new`, supergraph);
    await rename(`${system.supergraphFile}.new`, system.supergraphFile);
  }

  /** Sends queries until `done`. Gives the number of good replies, and the bodies of the bad ones. */
  async function loadUntil(done: Promise<unknown>): Promise<{ good: number; bad: unknown[] }> {
    const outcome: { good: number; bad: unknown[] } = { good: 0, bad: [] };
    let stopped = false;
    const client = async () => {
      // A slow machine sends at least fifty queries, too.
      while (!stopped || outcome.good < 50) {
        const { status, body } = await ask('{ me { name } order { pot { name } } }');
        if (status === 200 && body.errors === undefined) outcome.good += 1;
        else outcome.bad.push(body);
        if (outcome.bad.length > 0) return;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    const clients = Array.from({ length: 3 }, client);
    await done;
    stopped = true;
    await Promise.all(clients);
    return outcome;
  }

  describe('a gateway that watches the file', () => {
    // The gateway notices a change at once, and not by the poll.
    useSystem({ SUPERGRAPH_POLL_MS: '600000' });

    it('uses a supergraph that was written, renamed or linked into place, without a failed request', async () => {
      const file = system.supergraphFile;
      const [before, after] = [compose(SCHEMAS), compose(WITHOUT_FORBIDDEN)];
      const changes = async () => {
        await writeFile(file, after);
        await until(isWithoutForbidden);
        await replaceFile(before);
        await until(async () => !(await isWithoutForbidden()));
        await writeFile(`${file}.2`, after);
        await symlink(`${file}.2`, `${file}.link`);
        await rename(`${file}.link`, file);
        await until(isWithoutForbidden);
      };
      const { good, bad } = await loadUntil(changes());
      expect(bad).toEqual([]);
      expect(good).toBeGreaterThanOrEqual(50);
    });

    it('keeps the supergraph until the subgraphs serve the new one, or until another one comes', async () => {
      await untilPasses(checkServed);
      const isSizeKnown = async () => (await ask(SIZE)).status !== 400;
      await replaceFile(compose(WITH_SIZE));
      await until(async () => (await waitingSubgraphs()).length > 0);
      expect(await isSizeKnown()).toBe(false);
      await replaceFile(compose(SCHEMAS));
      await until(async () => (await waitingSubgraphs()).length === 0);
      await system.upgrade('products', WITH_SIZE.products);
      expect(await isSizeKnown()).toBe(false);
      await system.upgrade('products', SCHEMAS.products);
      await replaceFile(compose(WITH_SIZE));
      await until(async () => (await waitingSubgraphs()).length > 0);
      await system.upgrade('products', WITH_SIZE.products);
      await until(isSizeKnown);
    });

    it('waits 5 s for a subgraph that is down, whose fields alone are missing then', async () => {
      await system.stop('products');
      const products = WITH_SIZE.products.replace('size: Int', 'size: Int weight: Int');
      await replaceFile(compose({ ...WITHOUT_FORBIDDEN, products }));
      await until(async () => (await waitingSubgraphs()).length > 0);
      expect((await ask('{ forbidden }')).status).toBe(200);
      await until(isWithoutForbidden);
      expect((await ask('{ me { name } }')).body).toEqual({ data: { me: { name: 'ada' } } });
    });
  });

  describe('a gateway that starts with a supergraph that a subgraph does not serve yet', () => {
    useSystem({ SUPERGRAPH_POLL_MS: '100' }, WITH_SIZE);

    it('is not ready until the subgraph serves it, also when an unusable supergraph comes meanwhile', async () => {
      await until(async () => (await waitingSubgraphs()).length > 0);
      expect((await waitingSubgraphs()).map(({ labels }) => labels)).toEqual([{ subgraph: 'products' }]);
      expect(checkServed).toThrow('a subgraph does not serve yet what the supergraph needs');
      expect((await ask(SIZE)).body).toEqual({
        data: { order: { pot: { size: null } } },
        errors: [
          {
            message: 'The products service cannot do this right now.',
            path: ['order', 'pot'],
            extensions: { code: 'SERVICE_UNAVAILABLE' },
          },
        ],
      });
      const logged = jest.spyOn(system.log, 'error');
      await replaceFile(compose(WITH_UNKNOWN_SUBGRAPH));
      await until(async () => logged.mock.calls.length > 0);
      expect(checkServed).toThrow('a subgraph does not serve yet what the supergraph needs');

      await system.upgrade('products', WITH_SIZE.products);
      await untilPasses(checkServed);
      expect(await waitingSubgraphs()).toEqual([]);
      expect((await ask(SIZE)).body).toEqual({ data: { order: { pot: { size: null } } } });
      // An older version of the subgraph takes one field away, and not the readiness of the whole gateway.
      await system.upgrade('products', SCHEMAS.products);
      expect((await ask('{ order { pot { name } } }')).body.errors).toBeUndefined();
      checkServed();
    });

    it('keeps its supergraph when a new one cannot be used, and takes the next good one', async () => {
      const after = compose(WITHOUT_FORBIDDEN);
      const logged = jest.spyOn(system.log, 'error');
      const changes = async () => {
        for (const text of [
          '',
          'not a schema',
          after.slice(0, after.length / 2),
          'type Query { me: String }',
          compose(WITH_UNKNOWN_SUBGRAPH),
        ]) {
          logged.mockClear();
          await replaceFile(text);
          await until(async () => logged.mock.calls.length > 0);
          expect(logged.mock.calls.map(([, message]) => message)).toEqual([
            'the new supergraph cannot be used; the one before stays in force',
          ]);
          expect(await isWithoutForbidden()).toBe(false);
        }
        await writeFile(system.supergraphFile, after);
        await until(isWithoutForbidden);
      };
      const { bad } = await loadUntil(changes());
      expect(bad).toEqual([]);
    });
  });
}
