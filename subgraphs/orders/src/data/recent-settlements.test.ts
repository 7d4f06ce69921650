import { describe, expect, it } from '@jest/globals';
import { createRecentSettlements } from './recent-settlements.ts';

describe('the recent settlements', () => {
  it('tell whether an order may have settled since a mark; after a gap or too many settlements, any order may have', () => {
    const recent = createRecentSettlements(3);
    recent.note(1);
    const since = recent.mark();
    for (const id of [2, 3, 4]) recent.note(id);
    expect([1, 2, 3, 4, 5].map((id) => recent.mayHaveSettled(id, since))).toEqual([
      false,
      true,
      true,
      true,
      false,
    ]);
    recent.note(4);
    expect(recent.mayHaveSettled(5, since)).toBe(true);
    expect(recent.mayHaveSettled(5, recent.mark())).toBe(false);
    const before = recent.mark();
    recent.noteGap();
    expect(recent.mayHaveSettled(5, before)).toBe(true);
    expect(recent.mayHaveSettled(4, recent.mark())).toBe(false);
  });
});
