// New supergraphs under constant load.
import { rename, symlink, writeFile } from 'node:fs/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { compose, type StubSystem, type SubgraphName, startStubSystem } from '../test/stub-system.ts';

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
const start = async (settings: Record<string, string> = {}) => {
  system = await startStubSystem({ resolvers, schemas: SCHEMAS, settings });
};
afterEach(() => system.close());

async function ask(query: string) {
  const reply = await fetch(`${system.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json' },
    body: JSON.stringify({ query }),
  });
  return { status: reply.status, body: JSON.parse(await reply.text()) };
}

describe('a new supergraph', () => {
  const WITHOUT_FORBIDDEN = { ...SCHEMAS, users: SCHEMAS.users.replace('forbidden: String', '') };

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

  async function until(condition: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + 10_000;
    while (!(await condition())) {
      if (Date.now() > deadline) throw new Error('it never came true');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

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
    const unknownSubgraph = compose({
      ...SCHEMAS,
      users: WITHOUT_FORBIDDEN.users,
      reviews: `${HEADER} type Query { review: String }`,
    });
    const changes = async () => {
      for (const text of [
        '',
        'not a schema',
        after.slice(0, after.length / 2),
        'type Query { me: String }',
        unknownSubgraph,
      ]) {
        await writeFile(system.supergraphFile, text);
        await new Promise((resolve) => setTimeout(resolve, 250));
        expect(await isInForce()).toBe(false);
      }
      await writeFile(system.supergraphFile, after);
      await until(isInForce);
    };
    const { bad } = await load(changes());
    expect(bad).toEqual([]);
  });
});
