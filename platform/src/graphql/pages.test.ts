import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decodeCursor, encodeCursor, pageSize, toConnection } from './pages.ts';

const ID = '4711';

describe('cursors', () => {
  it('give back the sort key that they were made of', () => {
    fc.assert(
      fc.property(fc.string(), (name) => {
        expect(decodeCursor('things', 2, encodeCursor('things', [name, ID]))).toEqual([name, ID]);
      }),
    );
  });

  it('are refused by another list, at another length, and when they are forged', () => {
    const cursor = encodeCursor('things', [ID]);
    const forged = Buffer.from(JSON.stringify(['things', { id: ID }])).toString('base64url');
    for (const [list, length, given] of [
      ['others', 1, cursor],
      ['things', 2, cursor],
      ['things', 1, encodeCursor('things', ['not an id'])],
      ['things', 1, forged],
      ['things', 1, ''],
      ['things', 1, '%%%'],
    ] as const) {
      expect(() => decodeCursor(list, length, given)).toThrow(/^after: expected a cursor/);
    }
  });
});

describe('pageSize', () => {
  it('is 20 unless 1 to 100 is asked for', () => {
    expect([pageSize(undefined), pageSize(null), pageSize(1), pageSize(100)]).toEqual([20, 20, 1, 100]);
    for (const size of [0, 101, -1, 1.5])
      expect(() => pageSize(size)).toThrow(`first: expected 1 to 100, got ${size}`);
  });
});

describe('toConnection', () => {
  it('shows a page and tells by one row more that there is another', () => {
    const page = toConnection(['a', 'b', 'c'], 2, undefined, (node) => `after ${node}`);
    expect(page.edges.map(({ node }) => node)).toEqual(['a', 'b']);
    expect(page.pageInfo).toEqual({
      hasNextPage: true,
      hasPreviousPage: false,
      startCursor: 'after a',
      endCursor: 'after b',
    });
    expect(toConnection([], 2, 'x', String).pageInfo).toEqual({
      hasNextPage: false,
      hasPreviousPage: true,
      startCursor: null,
      endCursor: null,
    });
  });
});
