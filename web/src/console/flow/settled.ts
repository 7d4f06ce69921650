// Counts the orders that were settled between two readings of the latest orders.

export interface SeenOrder {
  readonly id: string;
  readonly status: string;
}

export interface Look {
  /** The latest orders, newest first. */
  readonly latest: readonly SeenOrder[];
  /** `performance.now()` of the reading. */
  readonly atMs: number;
}

export interface Rate {
  readonly perSecond: number;
  /** More orders were placed between the readings than a list shows, so the count may be too low. */
  readonly atLeast: boolean;
}

/** How many orders a second left the status PENDING between two readings. */
export function countSettled(before: Look, after: Look): Rate {
  const settledBefore = new Set(before.latest.filter(isSettled).map(({ id }) => id));
  const newestBefore = Number(before.latest[0]?.id ?? 0);
  const oldestBefore = Number(before.latest.at(-1)?.id ?? 0);
  // An order that is older than the first list is missing there, but it was settled before.
  const settled = after.latest.filter(
    (order) => isSettled(order) && !settledBefore.has(order.id) && Number(order.id) > oldestBefore,
  );
  const oldest = after.latest.at(-1);
  return {
    perSecond: (settled.length * 1000) / (after.atMs - before.atMs),
    atLeast: oldest !== undefined && newestBefore > 0 && Number(oldest.id) > newestBefore + 1,
  };
}

const isSettled = ({ status }: SeenOrder): boolean => status !== 'PENDING';
