// What was lately announced to be settled, for those who begin to wait only afterwards: the id of an order is known when it
// is placed, and by then the order may be settled.

export interface RecentSettlements {
  /** This moment, to ask about later. */
  mark(): number;
  note(orderId: number): void;
  /** Announcements may have been missed up to now. */
  noteGap(): void;
  /** Whether the order was announced after `since`, or may have been. */
  mayHaveSettled(orderId: number, since: number): boolean;
}

/** Remembers the last `size` orders. Older marks than that are answered with "may have been". */
export function createRecentSettlements(size: number): RecentSettlements {
  /** How many announcements there were, and after a gap as many more as make every mark too old. */
  let heard = 0;
  /** When each order was announced, as a number of announcements; the oldest first. */
  const heardAt = new Map<number, number>();
  return {
    mark: () => heard,
    note: (orderId) => {
      heard += 1;
      heardAt.delete(orderId);
      heardAt.set(orderId, heard);
      const [oldest] = heardAt.keys();
      if (heardAt.size > size && oldest !== undefined) heardAt.delete(oldest);
    },
    noteGap: () => {
      heard += size + 1;
    },
    mayHaveSettled: (orderId, since) => heard - since > size || (heardAt.get(orderId) ?? 0) > since,
  };
}
