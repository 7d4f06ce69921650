import { describe, expect, it } from '@jest/globals';
import { createRecentSettlements } from './recent-settlements.ts';

describe('what was lately announced', () => {
  it('is told from what was not, as long as no more came since than is remembered', () => {
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
