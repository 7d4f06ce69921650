// The command line of every script of package.json: help, values, and mistakes.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { ROOT } from '../root.js';
import { readCommandLine, UsageError } from './command-line.js';
import { COMMANDS } from './commands.js';

const { scripts } = z
  .object({ scripts: z.record(z.string(), z.string()) })
  .parse(JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8')));
/** Scripts that are the command line of another program, which has options of its own. */
const OF_OTHERS = ['types', 'lint', 'format'];
const OURS = Object.keys(scripts).filter((name) => !OF_OTHERS.includes(name));
/** Jest itself refuses the options that it does not know, after the set-up. */
const TESTS = ['test', 'test:long'];

/** Runs a script as npm does; of several programs, the last one. */
function run(name: string, option: string): Promise<{ code: number; out: string; err: string }> {
  const command = scripts[name]?.split('&&').at(-1);
  const env = { ...process.env, PATH: `${ROOT}node_modules/.bin:${process.env['PATH']}` };
  return new Promise((resolve) => {
    execFile('sh', ['-c', `${command} ${option}`], { cwd: ROOT, env }, (error, out, err) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err }),
    );
  });
}

test('the table of commands has every script of package.json that runs a program of ours', () => {
  expect(Object.keys(COMMANDS).sort()).toEqual(OURS.sort());
});

test.each(OURS)('npm run %s -- --help shows what it does and takes, and exits', async (name) => {
  const { code, out, err } = await run(name, '--help');
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out).toMatch(new RegExp(`^npm (run )?${name} -- \\[options\\].*\\n  [A-Z].*\\.\\n\\n(  --.*\\n)+`));
});

test.each(OURS.filter((name) => !TESTS.includes(name)))(
  'npm run %s refuses an option that it does not know, in one line',
  async (name) => {
    const { code, out, err } = await run(name, '--hepl');
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(/^npm .*: unknown option --hepl; did you mean --help\? \(npm .* -- --help\)\n$/);
  },
);

test.each(OF_OTHERS)(
  'npm run %s passes both to the program that it runs',
  async (name) => {
    const help = await run(name, '--help');
    expect({ code: help.code, isHelp: /option/i.test(help.out) }).toEqual({ code: 0, isHelp: true });
    const { code, out, err } = await run(name, '--hepl');
    expect(code).not.toBe(0);
    expect(out + err).toContain('hepl');
  },
  60_000,
);

test('Jest gets the options that npm test does not know, and refuses wrong ones before a test runs', async () => {
  const args = ['--experimental-vm-modules', 'node_modules/jest/bin/jest.js', '--listTests', '--hepl'];
  const refused = promisify(execFile)(process.execPath, args, { cwd: ROOT });
  await expect(refused).rejects.toMatchObject({
    stderr: expect.stringContaining('Unrecognized option "hepl"'),
  });
});

describe('values', () => {
  test('are converted by the kind of their option', () => {
    expect(readCommandLine('seed', ['--products', '20', '--seed=3'])).toMatchObject({
      values: { products: 20, seed: 3 },
    });
    expect(readCommandLine('dev', ['--inspect'])).toMatchObject({ values: { inspect: true } });
    expect(readCommandLine('users:promote', ['ada'])).toMatchObject({ positionals: ['ada'] });
  });

  test.each([
    [['--products', 'many'], '--products: expected a whole number from 1, got many'],
    [['--products', '0'], '--products: expected a whole number from 1, got 0'],
    [['--products'], '--products: expected a whole number from 1, got no value'],
    [['--prodcuts', '1'], 'unknown option --prodcuts; did you mean --products?'],
    [
      ['--fast'],
      'unknown option --fast; the options are --products, --orders, --users, --seed, --yes, --help',
    ],
    [['large'], 'expected no argument, got large'],
  ])('that cannot be used are refused: %j', (args, message) => {
    expect(() => readCommandLine('seed', args)).toThrow(new UsageError(message));
  });

  test('of a flag and of an argument are checked too', () => {
    expect(() => readCommandLine('start', ['--reset=no'])).toThrow('--reset takes no value, got no');
    expect(() => readCommandLine('users:promote', [])).toThrow(
      'expected USERNAME_OR_ADDRESS, got no argument',
    );
  });

  test('of another program are passed on unchanged', () => {
    const args = ['roles', '-t', 'a name', '--bail=2', '-iw', '--minutes', '3'];
    expect(readCommandLine('test:long', args)).toMatchObject({
      values: { minutes: 3 },
      rest: ['roles', '-t', 'a name', '--bail=2', '-iw'],
    });
  });
});
