// Which orders have been settled between two looks at the list of the latest.

export interface SeenOrder {
  readonly id: string;
  readonly status: string;
}

export interface Look {
  /** The latest orders, newest first. */
  readonly latest: readonly SeenOrder[];
  /** `performance.now()` of the look. */
  readonly atMs: number;
}

export interface Rate {
  readonly perSecond: number;
  /** More were placed between the looks than the list shows, so there may have been more. */
  readonly atLeast: boolean;
}

/** How many orders a second became something else than PENDING between two looks. */
export function settledBetween(before: Look, after: Look): Rate {
  const settledBefore = new Set(before.latest.filter(isSettled).map(({ id }) => id));
  const newestBefore = Number(before.latest[0]?.id ?? 0);
  const oldestBefore = Number(before.latest.at(-1)?.id ?? 0);
  // What is older than the former list was left out of it and not unsettled.
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
