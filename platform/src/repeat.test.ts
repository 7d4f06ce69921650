// Loops, shared calls and time limits: what they do while work is slow, fails or is stopped.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { repeat } from './repeat.ts';
import { singleFlight } from './single-flight.ts';
import { limitTime } from './time-limit.ts';

it('a single flight is shared by the callers of one moment, and begins anew after its result or its error', async () => {
  const calls: PromiseWithResolvers<number>[] = [];
  const load = singleFlight(() => {
    const call = Promise.withResolvers<number>();
    calls.push(call);
    return call.promise;
  });
  const [first, second] = [load(), load()];
  calls[0]?.resolve(1);
  expect(await Promise.all([first, second])).toEqual([1, 1]);
  const [third, fourth] = [load(), load()];
  expect(calls).toHaveLength(2);
  calls[1]?.reject(new Error('away'));
  await expect(third).rejects.toThrow('away');
  await expect(fourth).rejects.toThrow('away');
  void load();
  expect(calls).toHaveLength(3);
});

it('repeated work runs one at a time, goes on after an error, and its end waits for the run under way', async () => {
  const errors: unknown[] = [];
  const done = Promise.withResolvers<void>();
  const last = Promise.withResolvers<void>();
  let runs = 0;
  let underWay = 0;
  const repetition = repeat(
    async (signal) => {
      runs += 1;
      underWay += 1;
      expect(underWay).toBe(1);
      if (runs === 3) {
        done.resolve();
        await last.promise;
        expect(signal.aborted).toBe(true);
      }
      underWay -= 1;
      if (runs === 2) throw new Error('away');
    },
    { everyMs: () => 1, onError: (error) => errors.push(error) },
  );
  expect(runs).toBe(1);
  await done.promise;
  let isStopped = false;
  const stopped = repetition.stop().then(() => {
    isStopped = true;
  });
  await new Promise(setImmediate);
  expect(isStopped).toBe(false);
  last.resolve();
  await stopped;
  expect(runs).toBe(3);
  expect(errors).toEqual([new Error('away')]);
});

it('a stop ends the pause at once, also the one before the first run', async () => {
  const work = async (): Promise<void> => {
    throw new Error('not to be run');
  };
  const onError = (error: unknown): never => {
    throw error;
  };
  await repeat(work, { everyMs: 60_000, firstAfterMs: 60_000, onError }).stop();
  let runs = 0;
  const count = async (): Promise<void> => {
    runs += 1;
  };
  await repeat(count, { everyMs: 60_000, onError }).stop();
  expect(runs).toBe(1);
});

it('a pause does not keep the process alive', async () => {
  const program = `import { repeat } from ${JSON.stringify(new URL('./repeat.ts', import.meta.url).href)};
    repeat(async () => console.log('run'), { everyMs: 600_000, onError: console.error });`;
  const child = promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program], {
    timeout: 60_000,
  });
  expect((await child).stdout).toBe('run\n');
}, 90_000);

describe('a time limit', () => {
  const never = new Promise<never>(() => undefined);
  const tooLate = async () => {
    throw new Error('too late');
  };

  it('has the result or the error of work that ends in time', async () => {
    expect(await limitTime(60_000, Promise.resolve('done'), tooLate)).toBe('done');
    await expect(limitTime(60_000, Promise.reject(new Error('failed')), tooLate)).rejects.toThrow('failed');
  });

  it('has the result or the error of the other function when the work takes longer', async () => {
    expect(await limitTime(1, never, () => 'instead')).toBe('instead');
    await expect(limitTime(1, never, tooLate)).rejects.toThrow('too late');
  });
});
