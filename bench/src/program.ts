// Common to all programs of the benchmark: they announce their port and end with the process that started them.

/** The message to the parent when the program accepts requests. */
export interface Announcement {
  readonly port: number;
}

export function announce(port: number): void {
  process.on('disconnect', () => process.exit());
  // Node fills the compile cache only when a program ends by itself.
  process.on('SIGTERM', () => process.exit());
  process.send?.({ port } satisfies Announcement);
}

/** Reads an argument of the program by its index. @throws when it is missing */
export function readArgument(index: number): string {
  const value = process.argv[index + 2];
  if (value === undefined) throw new Error(`argument ${index + 1} of ${process.argv[1]} is missing`);
  return value;
}
