// What each program of the benchmark does beside its work: it says where it listens, and ends with the process that
// started it.

/** Told to the parent once the program answers. */
export interface Announcement {
  readonly port: number;
}

export function announce(port: number): void {
  process.on('disconnect', () => process.exit());
  process.send?.({ port } satisfies Announcement);
}

/** An argument of the program, by its place after the program's name. @throws when it is missing */
export function argument(index: number): string {
  const value = process.argv[index + 2];
  if (value === undefined) throw new Error(`argument ${index + 1} of ${process.argv[1]} is missing`);
  return value;
}
