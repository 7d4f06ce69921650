// `promote`, as the program that it is: the first staff account of a shop.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { startTestUsers, type TestUsers } from './testing.ts';
import { callsTo } from './testing-calls.ts';

const PROGRAM = fileURLToPath(new URL('./promote.ts', import.meta.url));

let users: TestUsers;
let id: string;
beforeAll(async () => {
  users = await startTestUsers();
  id = await callsTo(() => users).open('Founder');
});
afterAll(() => users.stop());

async function promote(args: string[], env: Record<string, string> = { DATABASE_URL: users.databaseUrl }) {
  const child = spawn(process.execPath, [PROGRAM, ...args], { env });
  let [out, errors] = ['', ''];
  child.stdout.on('data', (text) => (out += text));
  child.stderr.on('data', (text) => (errors += text));
  const [code] = await once(child, 'close');
  return { code, out: out.trim(), errors: errors.trim() };
}
const row = async () =>
  (await users.pool.query('SELECT role, version FROM users.users WHERE id = $1', [id])).rows[0];

it('makes an account staff by its name or address, and the second time changes nothing', async () => {
  expect(await promote(['founder'])).toEqual({
    code: 0,
    out: 'Founder is staff now; tokens say so from the next login or refresh on',
    errors: '',
  });
  expect(await row()).toEqual({ role: 'STAFF', version: 2 });
  expect(await promote(['FOUNDER@example.com'])).toEqual({
    code: 0,
    out: 'Founder is staff already',
    errors: '',
  });
  expect(await row()).toEqual({ role: 'STAFF', version: 2 });
  const { rows } = await users.pool.query(
    'SELECT action, actor_id, actor_role, old_role, new_role FROM users.audit_events WHERE subject_id = $1',
    [id],
  );
  expect(rows).toEqual([
    { action: 'ROLE_CHANGED', actor_id: null, actor_role: null, old_role: 'CUSTOMER', new_role: 'STAFF' },
  ]);
});

it('ends with 1 and a line that says why when it cannot', async () => {
  expect(await promote(['nobody'])).toEqual({
    code: 1,
    out: '',
    errors: 'promote: there is no account "nobody"',
  });
  expect((await promote([])).errors).toBe('promote: expected one argument, a username or an address');
  expect((await promote(['founder'], {})).errors).toBe(
    'promote: Settings cannot be used:\n  DATABASE_URL: is required',
  );
  const unreachable = await promote(['founder'], { DATABASE_URL: 'postgres://u:secretive@127.0.0.1:1/x' });
  expect([unreachable.code, unreachable.errors]).toEqual([1, expect.stringMatching(/^promote: ./)]);
  expect(unreachable.errors).not.toContain('secretive');
});
