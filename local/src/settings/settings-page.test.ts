// docs/settings.md describes every setting.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { expect, test } from '@jest/globals';
import { z } from 'zod';
import { ROOT } from '../root.js';
import { type KnownSettings, loadSettings, readKnownSettings } from './known-settings.ts';
import { PROCESSES, type ProcessName } from './services.ts';
import { settings as local, readLocalSettings } from './settings.ts';
import { listServiceRows } from './settings-page.ts';

const pause = z.coerce.number().int().min(1).max(9).default(5).meta({ unit: 'ms' }).describe('How long.');

test('a setting that services share has one row, and a setting with different defaults has several', () => {
  const fast = pause.default(1).describe('How long.');
  const colour = z.enum(['red', 'green|blue']).describe('Which one.');
  const services = new Map<ProcessName, Record<string, z.ZodType>>([
    ['users', { COLOUR: colour, PAUSE_MS: pause }],
    ['orders', { COLOUR: colour, PAUSE_MS: pause }],
    ['gateway', { COLOUR: colour, PAUSE_MS: fast, SITE: z.url().optional().describe('Where.') }],
  ]);
  expect(listServiceRows(services)).toEqual([
    ['`COLOUR`', 'required', '`red`, `green|blue`', 'all', 'Which one.'],
    ['`PAUSE_MS`', '`5`', '1 to 9 ms', 'users, orders', 'How long.'],
    ['`PAUSE_MS`', '`1`', '1 to 9 ms', 'gateway', 'How long.'],
    ['`SITE`', '–', 'URL', 'gateway', 'Where.'],
  ]);
});

test('a setting without a description and a number without a unit are refused', () => {
  expect(() => listServiceRows(new Map([['users', { BARE: z.string() }]]))).toThrow(
    'the setting BARE has no description',
  );
  const bare = z.coerce.number().describe('How many.');
  expect(() => listServiceRows(new Map([['users', { BARE: bare }]]))).toThrow(
    'the setting BARE is a number and has no unit',
  );
});

test('every setting is used: the code has its name in its table and in a second place', async () => {
  const sources = globSync(['{gateway,platform}/src/**/*.ts', 'subgraphs/*/src/**/*.ts'], {
    cwd: ROOT,
    exclude: ['**/*.test.ts', '**/src/test/**', '**/generated/**'],
  });
  const text = sources.map((path) => readFileSync(join(ROOT, path), 'utf8')).join('\n');
  const code = text.replaceAll(/^ *(\/\/|\/?\*).*$|'[^'\n]*'|"[^"\n]*"/gm, '');
  const names = await Promise.all(PROCESSES.map(async (name) => Object.keys(await loadSettings(name))));
  const unread = names
    .flat()
    .filter((name) => [...code.matchAll(new RegExp(`\\b${name}\\b`, 'g'))].length < 2);
  expect(unread).toEqual([]);
});

test('.env.example has every setting that npm start accepts, with a valid default', async () => {
  const example = readFileSync(join(ROOT, '.env.example'), 'utf8');
  expect(parseEnv(example)).toEqual({});
  const given = parseEnv(example.replaceAll(/^#(?! )/gm, ''));
  const known = await readKnownSettings();
  const givable = new Set([...Object.keys(local), ...known.checks.keys()].filter(isGivenBy(known)));
  expect(new Set(Object.keys(given))).toEqual(givable);
  expect(readLocalSettings({}, given, known).port).toBe(4000);
});

const isGivenBy =
  ({ decided }: KnownSettings) =>
  (name: string): boolean =>
    name !== 'ENV_FILE' && (name in local || !decided.has(name));
