import { expect, it } from '@jest/globals';
import { compactJson } from './compact-json.ts';

it('writes a value that fits into one line', () => {
  expect(compactJson({ id: '1', tags: ['a', 'b'], inner: { n: 1 } })).toBe(
    '{ "id": "1", "tags": ["a", "b"], "inner": { "n": 1 } }',
  );
});

it('breaks a wide value, outer levels first', () => {
  const node = { id: '1', name: 'Brass compass', price: '45.00', version: 2 };
  expect(compactJson({ edges: [node, node] })).toBe(`{
  "edges": [
    {
      "id": "1",
      "name": "Brass compass",
      "price": "45.00",
      "version": 2
    },
    {
      "id": "1",
      "name": "Brass compass",
      "price": "45.00",
      "version": 2
    }
  ]
}`);
});

it.each([[null], [0], [false], [[]], [{}], ['a "b"},{"c":1},'], [{ text: 'x'.repeat(80) }]])(
  'is still the JSON of %j',
  (value) => {
    expect(JSON.parse(compactJson(value))).toEqual(value);
    expect(JSON.parse(compactJson([value, value, 'x'.repeat(60)]))).toEqual([value, value, 'x'.repeat(60)]);
  },
);
