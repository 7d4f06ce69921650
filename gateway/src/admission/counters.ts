// The interface of counters, which count calls in windows of time.

/** How many calls a window allows, and how long it lasts. */
export interface Quota {
  readonly max: number;
  readonly windowMs: number;
}

export interface Taken {
  /** How many of the wanted calls are allowed. */
  readonly granted: number;
  /** How many more calls the window allows. */
  readonly remaining: number;
  /** When the window ends, ms from now. */
  readonly resetMs: number;
}

export interface Counters {
  /**
   * Counts up to `wanted` calls in the window of `key`, in one step, so that a window never grants more than `max` to
   * concurrent callers. A call that is not granted is not counted. With `wanted` 0 the window is only read.
   */
  take(key: string, wanted: number, quota: Quota): Promise<Taken>;
}
