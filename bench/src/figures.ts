// What a run of the benchmark found: the shape of its JSON.

/** Of all rounds. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export interface Row {
  readonly name: string;
  readonly gateway: string;
  /** CPU of the gateway process per request, ms. */
  readonly cpuMs: Spread;
  /** To the first row of the same round. */
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
  /** What the process of the gateway holds, bytes. */
  readonly residentBytes: number;
  /** Of its heap, garbage that is not collected yet included, bytes. */
  readonly heapBytes: number;
  /** How many plans were made so far. */
  readonly planned: number;
}

export interface MemoryFigures {
  /** How many different ones there are. */
  readonly texts: number;
  /** The first one when each text has come once. */
  readonly rows: readonly MemoryRow[];
}

/** From the start of the process to the first 200 of `/readyz`, ms. */
export interface ReadyFigures {
  readonly plain: Spread;
  readonly withCompileCache: Spread;
}

/** Orders of some callers, each of whom places the next one when the one before is answered. */
export interface OrderRow {
  readonly name: string;
  readonly by: 'ours' | 'naive' | 'pgbench';
  readonly callers: number;
  readonly products: 'many' | 'one';
  /** Orders a second, load generator on the same machine. */
  readonly perSecond: Spread;
  /** Until an order is answered, ms; undefined of pgbench. */
  readonly p50: Spread | undefined;
  readonly p99: Spread | undefined;
  /** How many were answered before they were settled (202), of all rounds. */
  readonly late: number;
  /** CPU of each process for an order, ms. */
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
  /** Over the last minute before the run: what else the machine did. */
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
