// Limits how long a caller waits for work that it cannot cancel. The package p-timeout does the same, but brings one more dependency
// for these ten lines.

/** Settles as `work` does, or as `otherwise` does when `work` takes longer than `ms`. The work itself goes on. */
export async function limitTime<Result, Other>(
  ms: number,
  work: Result | Promise<Result>,
  otherwise: () => Other | Promise<Other>,
): Promise<Result | Other> {
  let timer: NodeJS.Timeout | undefined;
  const tooLong = async () => otherwise();
  const timeout = new Promise<Other>((resolve) => {
    timer = setTimeout(() => resolve(tooLong()), ms);
  });
  return Promise.race([work, timeout]).finally(() => clearTimeout(timer));
}
