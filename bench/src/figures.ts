// The results of a run of the benchmark, in the shape of its JSON file.

/** Over all rounds. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export interface Row {
  readonly name: string;
  readonly gateway: string;
  /** CPU time of the gateway process for each request, ms. */
  readonly cpuMs: Spread;
  /** The ratio to the first row in the same round. */
  readonly ratio: Spread;
  /** Requests a second, load generator and stubs on the same machine. */
  readonly perSecond: Spread;
}

export interface ComparisonFigures {
  readonly name: string;
  readonly title: string;
  readonly rows: readonly Row[];
}

export interface MemoryRow {
  readonly requests: number;
  /** Resident memory of the gateway's process, bytes. */
  readonly residentBytes: number;
  /** Used heap with garbage that is not collected yet, bytes. */
  readonly heapBytes: number;
  /** The number of query plans so far. */
  readonly planned: number;
}

export interface MemoryFigures {
  /** The number of different operations. */
  readonly texts: number;
  /** The first row is measured when each operation has been sent once. */
  readonly rows: readonly MemoryRow[];
}

/** From the start of the process to the first 200 of `/readyz`, ms. */
export interface ReadyFigures {
  readonly plain: Spread;
  readonly withCompileCache: Spread;
}

/** Orders of several callers. Each caller places the next order when the one before is answered. */
export interface OrderRow {
  readonly name: string;
  readonly by: 'ours' | 'naive' | 'pgbench';
  readonly callers: number;
  readonly products: 'many' | 'one';
  /** Orders a second, load generator on the same machine. */
  readonly perSecond: Spread;
  /** Time until an order is answered, ms; undefined for pgbench. */
  readonly p50: Spread | undefined;
  readonly p99: Spread | undefined;
  /** The number of orders that were answered before they were settled (202), in all rounds. */
  readonly late: number;
  /** CPU time of each process for an order, ms. */
  readonly cpu: Readonly<Record<string, Spread>>;
}

export interface OrderFigures {
  readonly rows: readonly OrderRow[];
}

export interface Machine {
  readonly node: string;
  readonly processor: string;
  readonly processors: number;
  readonly commit: string;
  readonly date: string;
  /** The machine's load in the last minute before the run. */
  readonly load: number;
}

export interface Figures {
  readonly machine: Machine;
  readonly rounds: number;
  readonly gateways: readonly ComparisonFigures[];
  readonly rest: readonly ComparisonFigures[];
  readonly memory?: MemoryFigures;
  readonly ready?: ReadyFigures;
  readonly orders?: OrderFigures;
}

/** @throws when there are no values */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (index: number): number => {
    const value = sorted[index];
    if (value === undefined) throw new Error('expected at least one value for a median');
    return value;
  };
  const middle = Math.floor(sorted.length / 2);
  const median = sorted.length % 2 === 1 ? at(middle) : (at(middle - 1) + at(middle)) / 2;
  return { median, min: at(0), max: at(sorted.length - 1) };
}
