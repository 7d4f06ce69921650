// What counts calls in windows of time.

/** How many calls a window has room for. */
export interface Quota {
  readonly max: number;
  readonly windowMs: number;
}

export interface Taken {
  /** How many of the calls asked for are let through. */
  readonly granted: number;
  /** How many more the window has room for. */
  readonly remaining: number;
  /** When the window ends, ms from now. */
  readonly resetMs: number;
}

export interface Counters {
  /**
   * Counts up to `wanted` calls in the window of `key`, in one step: whatever asks at the same time, no window ever
   * grants more than `max`. What is not granted is not counted; `wanted` 0 only looks.
   */
  take(key: string, wanted: number, quota: Quota): Promise<Taken>;
}
