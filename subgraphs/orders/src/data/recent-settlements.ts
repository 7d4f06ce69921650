// The orders whose settlement was announced recently, for a request that begins to wait after the announcement: it learns the id
// of its order when the order is placed, and by then the order may already be settled.

export interface RecentSettlements {
  /** The current moment, for `mayHaveSettled`. */
  mark(): number;
  note(orderId: number): void;
  /** Notes that announcements before this moment may have been missed. */
  noteGap(): void;
  /** Whether the order was announced after `since`, or may have been. */
  mayHaveSettled(orderId: number, since: number): boolean;
}

/** Remembers the last `size` orders. For a mark that is older than those, every order may have been settled. */
export function createRecentSettlements(size: number): RecentSettlements {
  /** The number of announcements so far. A gap adds so many that all earlier marks are too old. */
  let heard = 0;
  /** The value of `heard` when each order was announced; the oldest first. */
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
