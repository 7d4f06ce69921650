// The weights that the subgraphs' schemas give to their large fields, as they arrive in the supergraph.
import { readFile } from 'node:fs/promises';
import { expect, it } from '@jest/globals';
import { compose } from '../test/stub-system.ts';
import { fieldWeights } from './field-weights.ts';

it('come from the schemas of the subgraphs', async () => {
  const sdl = await readFile(new URL('../../supergraph.graphql', import.meta.url), 'utf8');
  // 10,000 characters of up to four bytes.
  expect(fieldWeights(sdl)).toEqual(new Map([['Product.description', Math.ceil((10_000 * 4) / 1_024)]]));
});

it('count for the interfaces of a type as well, the heaviest for all', () => {
  const header = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@cost"])';
  const sdl = compose({
    texts: `${header} type Query { texts: [Text!]! } interface Text { body: String title: String }
      type Note implements Text { body: String @cost(weight: 3) title: String }
      type Book implements Text { body: String @cost(weight: 900) title: String }`,
  });
  expect(fieldWeights(sdl)).toEqual(
    new Map([
      ['Note.body', 3],
      ['Book.body', 900],
      ['Text.body', 900],
    ]),
  );
});
