// What a person types after a command: help, values, and mistakes, for every script of package.json.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { ROOT } from '../root.ts';
import { readCommandLine, UsageError } from './command-line.js';
import { COMMANDS } from './commands.js';

const { scripts } = z
  .object({ scripts: z.record(z.string(), z.string()) })
  .parse(JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8')));
/** Scripts that are the command line of another program, which has options of its own. */
const OF_OTHERS = ['types', 'lint', 'format'];
const OURS = Object.keys(scripts).filter((name) => !OF_OTHERS.includes(name));
/** The options that Jest does not know it refuses itself, once everything is set up. */
const TESTS = ['test', 'test:long'];

/** Runs a script as npm does, of several programs the last one. */
function run(name: string, option: string): Promise<{ code: number; out: string; err: string }> {
  const command = scripts[name]?.split('&&').at(-1);
  const env = { ...process.env, PATH: `${ROOT}node_modules/.bin:${process.env['PATH']}` };
  return new Promise((resolve) => {
    execFile('sh', ['-c', `${command} ${option}`], { cwd: ROOT, env }, (error, out, err) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err }),
    );
  });
}

test('the table of commands has every script of package.json that is ours', () => {
  expect(Object.keys(COMMANDS).sort()).toEqual(OURS.sort());
});

test.each(OURS)('npm run %s -- --help says what it does and takes, and does nothing', async (name) => {
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
  'npm run %s leaves both to the program behind it',
  async (name) => {
    const help = await run(name, '--help');
    expect({ code: help.code, isHelp: /option/i.test(help.out) }).toEqual({ code: 0, isHelp: true });
    const { code, out, err } = await run(name, '--hepl');
    expect(code).not.toBe(0);
    expect(out + err).toContain('hepl');
  },
  60_000,
);

test('Jest, which gets what npm test does not know, refuses it before any test runs', async () => {
  const args = ['--experimental-vm-modules', 'node_modules/jest/bin/jest.js', '--listTests', '--hepl'];
  const refused = promisify(execFile)(process.execPath, args, { cwd: ROOT });
  await expect(refused).rejects.toMatchObject({
    stderr: expect.stringContaining('Unrecognized option "hepl"'),
  });
});

describe('values', () => {
  test('are read as what they are', () => {
    expect(readCommandLine('seed', ['--products', '20', '--seed=3'])).toMatchObject({
      values: { products: 20, seed: 3 },
    });
    expect(readCommandLine('dev', ['--inspect'])).toMatchObject({ values: { inspect: true } });
    expect(readCommandLine('users:promote', ['ada'])).toMatchObject({ positionals: ['ada'] });
  });

  test.each([
    [['--products', 'many'], '--products: expected a whole number from 1, got many'],
    [['--products', '0'], '--products: expected a whole number from 1, got 0'],
    [['--products'], '--products: expected a whole number from 1, got nothing'],
    [['--prodcuts', '1'], 'unknown option --prodcuts; did you mean --products?'],
    [['--fast'], 'unknown option --fast; there is --products, --orders, --users, --seed, --yes, --help'],
    [['large'], 'expected no argument, got large'],
  ])('that cannot be used are refused: %j', (args, message) => {
    expect(() => readCommandLine('seed', args)).toThrow(new UsageError(message));
  });

  test('of a flag and of an argument are checked, too', () => {
    expect(() => readCommandLine('start', ['--reset=no'])).toThrow('--reset takes no value, got no');
    expect(() => readCommandLine('users:promote', [])).toThrow('expected USERNAME_OR_ADDRESS, got nothing');
  });

  test('of another program are handed on as they came', () => {
    const args = ['roles', '-t', 'a name', '--bail=2', '-iw', '--minutes', '3'];
    expect(readCommandLine('test:long', args)).toMatchObject({
      values: { minutes: 3 },
      rest: ['roles', '-t', 'a name', '--bail=2', '-iw'],
    });
  });
});
