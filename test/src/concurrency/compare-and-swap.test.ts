// "No lost update, ever": racing writers through the whole system.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { type Account, Client } from '../support/client.ts';
import { rounds, timeLimitMs } from '../support/long.ts';
import { useSharedSystem } from '../support/use-system.ts';

const WRITERS = 16;
const ROUNDS = 100;

const UPDATE = `mutation Race($id: ID!, $version: Int!, $input: UpdateProductInput!) {
  updateProduct(id: $id, expectedVersion: $version, input: $input) {
    __typename
    ... on Product { name version }
    ... on VersionConflict { currentVersion current { name version } }
  }
}`;

/** What one writer saw: that it won, or which version and name it was told are there. */
interface Outcome {
  readonly won: boolean;
  readonly version: number;
  readonly name?: string;
}

const system = useSharedSystem();
let client: Client;
let writer: Account;

beforeAll(async () => {
  client = await Client.of(system.url);
  writer = await client.account();
});

async function writeByGraphQL(id: string, version: number, name: string): Promise<Outcome> {
  const input = { name, stock: 10 };
  const { data, errors } = await client.graphql(UPDATE, { id, version, input }, writer.token);
  expect(errors).toEqual([]);
  const { __typename, ...outcome } = data.updateProduct;
  if (__typename === 'Product') return { won: true, version: outcome.version, name: outcome.name };
  expect(__typename).toBe('VersionConflict');
  expect(outcome.current.version).toBe(outcome.currentVersion);
  return { won: false, version: outcome.currentVersion, name: outcome.current.name };
}

async function writeByRest(id: string, version: number, name: string): Promise<Outcome> {
  const reply = await client.rest('PUT', `/products/${id}`, {
    token: writer.token,
    headers: { 'if-match': `"${version}"` },
    body: { name, description: null, price: 5, stock: 10 },
  });
  if (reply.status === 200) return { won: true, version: reply.body.version, name: reply.body.name };
  expect(reply.status).toBe(412);
  expect(reply.headers.get('etag')).toBe(`"${reply.body.current_version}"`);
  return { won: false, version: reply.body.current_version };
}

describe('compare-and-swap', () => {
  it(
    `lets one of ${WRITERS} writers at one version win, ${ROUNDS} times over, by REST and GraphQL mixed`,
    async () => {
      const product = await client.product(writer.token);
      let version = product.version;
      let played = 0;
      for (const round of rounds(ROUNDS)) {
        const outcomes = await Promise.all(
          Array.from({ length: WRITERS }, (_, index) => {
            const write = index % 2 === 0 ? writeByRest : writeByGraphQL;
            return write(product.id, version, `round ${round} writer ${index}`);
          }),
        );
        const winners = outcomes.filter(({ won }) => won);
        expect(winners).toHaveLength(1);
        expect(winners[0]?.version).toBe(version + 1);
        for (const loser of outcomes.filter(({ won }) => !won)) {
          expect(loser.version).toBe(version + 1);
          if (loser.name !== undefined) expect(loser.name).toBe(winners[0]?.name);
        }
        const now = await client.rest('GET', `/products/${product.id}`);
        expect(now.body).toMatchObject({ name: winners[0]?.name, version: version + 1 });
        version += 1;
        played += 1;
      }
      expect(played).toBeGreaterThan(0);
      expect(version).toBe(product.version + played);
    },
    timeLimitMs(120_000),
  );

  it('does not let sales fail an edit of the description, nor an edit bring sold stock back', async () => {
    const product = await client.product(writer.token, { stock: 100 });
    const sales = 20;
    const sell = () =>
      client.rest('POST', '/orders', { token: writer.token, body: { product_id: product.id, quantity: 1 } });
    const edits = Array.from({ length: 5 }, async (_, index) => {
      const { data } = await client.graphql(
        UPDATE,
        { id: product.id, version: product.version, input: { description: `edit ${index}` } },
        writer.token,
      );
      return data.updateProduct.__typename;
    });
    const [outcomes] = await Promise.all([
      Promise.all(edits),
      Promise.all(Array.from({ length: sales }, sell)),
    ]);
    expect(outcomes.filter((outcome) => outcome === 'Product')).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === 'VersionConflict')).toHaveLength(4);
    const now = await client.rest('GET', `/products/${product.id}`);
    expect(now.body).toMatchObject({ stock: 100 - sales });
    // Sales that come at the same time are one change.
    expect(now.body.version).toBeGreaterThanOrEqual(product.version + 2);
    expect(now.body.version).toBeLessThanOrEqual(product.version + sales + 1);

    const stale = await client.graphql(
      UPDATE,
      { id: product.id, version: now.body.version - 1, input: { stock: 100 } },
      writer.token,
    );
    expect(stale.data.updateProduct).toMatchObject({
      __typename: 'VersionConflict',
      currentVersion: now.body.version,
    });
  });

  it('keeps REST exact: an If-Match from before a sale is refused though only the description changes', async () => {
    const product = await client.product(writer.token);
    await client.rest('POST', '/orders', {
      token: writer.token,
      body: { product_id: product.id, quantity: 1 },
    });
    const reply = await client.rest('PATCH', `/products/${product.id}`, {
      token: writer.token,
      headers: { 'if-match': `"${product.version}"` },
      body: { description: 'written without having seen the sale' },
    });
    expect(reply.status).toBe(412);
    expect(reply.body).toMatchObject({ code: 'PRECONDITION_FAILED', current_version: product.version + 1 });
  });

  it('lets one of many deletions and edits at one version win', async () => {
    for (let round = 0; round < 10; round += 1) {
      const product = await client.product(writer.token);
      const headers = { 'if-match': `"${product.version}"` };
      const edits = Array.from({ length: 4 }, (_, index) =>
        client.rest('PATCH', `/products/${product.id}`, {
          token: writer.token,
          headers,
          body: { name: `edit ${index}` },
        }),
      );
      const deletions = Array.from({ length: 4 }, () =>
        client.rest('DELETE', `/products/${product.id}`, { token: writer.token, headers }),
      );
      const statuses = (await Promise.all([...edits, ...deletions])).map(({ status }) => status);
      expect(statuses.filter((status) => status === 200 || status === 204)).toHaveLength(1);
      expect(statuses.every((status) => [200, 204, 404, 412].includes(status))).toBe(true);
    }
  });
});
