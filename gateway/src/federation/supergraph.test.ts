// New supergraphs under constant load.
import { rename, symlink, writeFile } from 'node:fs/promises';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import {
  compose,
  type StubSystem,
  type SubgraphName,
  startStubSystem,
  untilPasses,
} from '../test/stub-system.ts';
import { supergraphWaits } from './subgraph-metrics.ts';

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

let system: StubSystem;
const start = async (settings: Record<string, string> = {}, supergraph = SCHEMAS) => {
  system = await startStubSystem({ resolvers, schemas: SCHEMAS, supergraph, settings });
};
afterEach(() => {
  jest.restoreAllMocks();
  return system.close();
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
  const deadline = Date.now() + 10_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('it never came true');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const WITHOUT_FORBIDDEN = { ...SCHEMAS, users: SCHEMAS.users.replace('forbidden: String', '') };
const WITH_UNKNOWN_SUBGRAPH = { ...WITHOUT_FORBIDDEN, reviews: `${HEADER} type Query { review: String }` };

describe('a new supergraph', () => {
  /** Asks all the time until `done`; resolves to how many were answered well and how many not. */
  async function load(done: Promise<unknown>): Promise<{ good: number; bad: unknown[] }> {
    const outcome: { good: number; bad: unknown[] } = { good: 0, bad: [] };
    let stopped = false;
    const client = async () => {
      // On however slow a machine, there is load to speak of.
      while (!stopped || outcome.good < 50) {
        const { status, body } = await ask('{ me { name } order { pot { name } } }');
        if (status === 200 && body.errors === undefined) outcome.good += 1;
        else outcome.bad.push(body);
        if (outcome.bad.length > 0) return;
      }
    };
    const clients = Array.from({ length: 10 }, client);
    await done;
    stopped = true;
    await Promise.all(clients);
    return outcome;
  }

  const isInForce = async () => (await ask('{ forbidden }')).status === 400;

  it('is taken over by writing, by renaming, and by the swap of a symlink, without a failed request', async () => {
    await start({ SUPERGRAPH_POLL_MS: '600000' });
    const file = system.supergraphFile;
    const [before, after] = [compose(SCHEMAS), compose(WITHOUT_FORBIDDEN)];
    const changes = async () => {
      await writeFile(file, after);
      await until(isInForce);
      await writeFile(`${file}.new`, before);
      await rename(`${file}.new`, file);
      await until(async () => !(await isInForce()));
      await writeFile(`${file}.2`, after);
      await symlink(`${file}.2`, `${file}.link`);
      await rename(`${file}.link`, file);
      await until(isInForce);
    };
    const { good, bad } = await load(changes());
    expect(bad).toEqual([]);
    expect(good).toBeGreaterThanOrEqual(50);
  });

  it('that cannot be used leaves the old one in force, and the next good one is taken', async () => {
    await start({ SUPERGRAPH_POLL_MS: '100' });
    const after = compose(WITHOUT_FORBIDDEN);
    const refused = jest.spyOn(system.log, 'error');
    const changes = async () => {
      for (const text of [
        '',
        'not a schema',
        after.slice(0, after.length / 2),
        'type Query { me: String }',
        compose(WITH_UNKNOWN_SUBGRAPH),
      ]) {
        refused.mockClear();
        // In one step, so that no half of it is read.
        await writeFile(`${system.supergraphFile}.new`, text);
        await rename(`${system.supergraphFile}.new`, system.supergraphFile);
        await until(async () => refused.mock.calls.length > 0);
        expect(refused.mock.calls.map(([, message]) => message)).toEqual([
          'the new supergraph cannot be used; the one before stays in force',
        ]);
        expect(await isInForce()).toBe(false);
      }
      await writeFile(system.supergraphFile, after);
      await until(isInForce);
    };
    const { bad } = await load(changes());
    expect(bad).toEqual([]);
  });
});

describe('a supergraph that a subgraph does not serve yet', () => {
  const WITH_SIZE = {
    ...SCHEMAS,
    products: SCHEMAS.products.replace('name: String', 'name: String size: Int'),
  };
  const POT = '{ order { pot { name } } }';
  const SIZE = '{ order { pot { size } } }';
  const isServed = () => system.checks['subgraphs']?.();
  const waits = async () => (await supergraphWaits.get()).values.filter(({ value }) => value > 0);

  it('keeps a gateway that starts from being ready; what is asked all the same is our error', async () => {
    await start({}, WITH_SIZE);
    await until(async () => (await waits()).length > 0);
    expect((await waits()).map(({ labels }) => labels)).toEqual([{ subgraph: 'products' }]);
    expect(isServed).toThrow('a subgraph does not serve yet what the supergraph needs');
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
    await system.upgrade('products', WITH_SIZE.products);
    await untilPasses(() => isServed());
    expect(await waits()).toEqual([]);
    expect((await ask(SIZE)).body).toEqual({ data: { order: { pot: { size: null } } } });
    // A version before, from now on, changes nothing: one field is missing then, and not the whole gateway.
    await system.upgrade('products', SCHEMAS.products);
    expect((await ask(POT)).body.errors).toBeUndefined();
    isServed();
  });

  it('keeps a gateway that starts from being ready, though another came meanwhile that is refused', async () => {
    await start({ SUPERGRAPH_POLL_MS: '100' }, WITH_SIZE);
    await until(async () => (await waits()).length > 0);
    const refused = jest.spyOn(system.log, 'error');
    await writeFile(`${system.supergraphFile}.new`, compose(WITH_UNKNOWN_SUBGRAPH));
    await rename(`${system.supergraphFile}.new`, system.supergraphFile);
    await until(async () => refused.mock.calls.length > 0);
    expect(isServed).toThrow('a subgraph does not serve yet what the supergraph needs');
    await system.upgrade('products', WITH_SIZE.products);
    await untilPasses(() => isServed());
    expect((await ask(SIZE)).body.errors).toBeUndefined();
    expect(await waits()).toEqual([]);
  });

  it('is not taken over; the one before stays in force until the subgraph serves it, or another supergraph comes', async () => {
    await start();
    await untilPasses(() => isServed());
    const isSizeKnown = async () => (await ask(SIZE)).status !== 400;
    await writeFile(system.supergraphFile, compose(WITH_SIZE));
    await until(async () => (await waits()).length > 0);
    expect(await isSizeKnown()).toBe(false);
    await writeFile(system.supergraphFile, compose(SCHEMAS));
    await until(async () => (await waits()).length === 0);
    await system.upgrade('products', WITH_SIZE.products);
    expect(await isSizeKnown()).toBe(false);
    await system.upgrade('products', SCHEMAS.products);
    await writeFile(system.supergraphFile, compose(WITH_SIZE));
    await until(async () => (await waits()).length > 0);
    await system.upgrade('products', WITH_SIZE.products);
    await until(isSizeKnown);
  });

  it('waits 5 s for one that is down, whose fields alone are missing then', async () => {
    await start();
    await system.stop('products');
    await writeFile(system.supergraphFile, compose({ ...WITHOUT_FORBIDDEN, products: WITH_SIZE.products }));
    await until(async () => (await waits()).length > 0);
    expect((await ask('{ forbidden }')).status).toBe(200);
    await until(async () => (await ask('{ forbidden }')).status === 400);
    expect((await ask('{ me { name } }')).body).toEqual({ data: { me: { name: 'ada' } } });
  });
});
