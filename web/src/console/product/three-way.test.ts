import { describe, expect, it } from '@jest/globals';
import type { Draft } from './draft.ts';
import { findDifferences, mergeDraft } from './three-way.ts';

const LOADED: Draft = { name: 'Kettle', description: '', price: '10.00', stock: '5' };

describe('the changes of two people to one product', () => {
  it.each([
    ['only they changed', { theirs: 'T', yours: 'Kettle' }, 'theirs'],
    ['only you changed', { theirs: 'Kettle', yours: 'Y' }, 'yours'],
    ['both changed alike', { theirs: 'S', yours: 'S' }, 'yours'],
    ['both changed', { theirs: 'T', yours: 'Y' }, undefined],
  ])('a field that %s', (_, { theirs, yours }, settled) => {
    const found = findDifferences({
      loaded: LOADED,
      theirs: { ...LOADED, name: theirs },
      yours: { ...LOADED, name: yours },
    });
    expect(found).toEqual([{ field: 'name', loaded: 'Kettle', theirs, yours, settled }]);
  });

  it('are merged when each field that both changed has a choice', () => {
    const theirs = { ...LOADED, name: 'T', price: '12.00' };
    const found = findDifferences({ loaded: LOADED, theirs, yours: { ...LOADED, name: 'Y', stock: '7' } });
    expect(mergeDraft(theirs, found, {})).toBeUndefined();
    expect(mergeDraft(theirs, found, { name: 'yours' })).toEqual({ ...theirs, name: 'Y', stock: '7' });
    expect(mergeDraft(theirs, found, { name: 'loaded', price: 'loaded' })).toEqual({
      ...LOADED,
      stock: '7',
    });
  });
});
