// What docs/settings.md says of a setting, and that it has to be said.
import { expect, test } from '@jest/globals';
import { z } from 'zod';
import type { ProcessName } from './services.ts';
import { serviceRows } from './settings-page.ts';

const pause = z.coerce.number().int().min(1).max(9).default(5).meta({ unit: 'ms' }).describe('How long.');

test('a setting that services share has one row, and one that differs has another', () => {
  const fast = pause.default(1).describe('How long.');
  const colour = z.enum(['red', 'green|blue']).describe('Which one.');
  const services = new Map<ProcessName, Record<string, z.ZodType>>([
    ['users', { COLOUR: colour, PAUSE_MS: pause }],
    ['orders', { COLOUR: colour, PAUSE_MS: pause }],
    ['gateway', { COLOUR: colour, PAUSE_MS: fast, SITE: z.url().optional().describe('Where.') }],
  ]);
  expect(serviceRows(services)).toEqual([
    ['`COLOUR`', 'required', '`red`, `green|blue`', 'all', 'Which one.'],
    ['`PAUSE_MS`', '`5`', '1 to 9 ms', 'users, orders', 'How long.'],
    ['`PAUSE_MS`', '`1`', '1 to 9 ms', 'gateway', 'How long.'],
    ['`SITE`', '–', 'URL', 'gateway', 'Where.'],
  ]);
});

test('a setting without a description is refused, and so is a number without a unit', () => {
  expect(() => serviceRows(new Map([['users', { BARE: z.string() }]]))).toThrow(
    'the setting BARE has no description',
  );
  const bare = z.coerce.number().describe('How many.');
  expect(() => serviceRows(new Map([['users', { BARE: bare }]]))).toThrow(
    'the setting BARE is a number and has no unit',
  );
});
