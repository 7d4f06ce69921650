// The secrets of a data directory are made once, and never replaced when they cannot be used.
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { makeSecrets } from './k8s-secrets.ts';
import { openSecrets, readRolePasswords } from './secrets.ts';

const FILES = ['keys.json', 'role-passwords.json', 'service-keys.json', 'session-secret.json'];

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-secrets-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const contents = async (): Promise<string[]> =>
  Promise.all((await readdir(folder)).sort().map((name) => readFile(join(folder, name), 'utf8')));

test('they are made once, for their owner only', async () => {
  const made = await openSecrets(folder);
  expect((await readdir(folder)).sort()).toEqual(FILES);
  for (const name of FILES) expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600);
  const before = await contents();
  expect(await openSecrets(folder)).toEqual(made);
  expect(await contents()).toEqual(before);
});

describe.each(FILES)('%s', (name) => {
  beforeEach(async () => {
    await openSecrets(folder);
  });

  test.each([
    ['is empty', ''],
    ['is empty', ' \n'],
    ['does not have the expected content', '{"users": "a-passw'],
    ['does not have the expected content', '[]'],
    ['does not have the expected content', '"short"'],
    ['does not have the expected content', '{"users": "a", "products": "b", "orders": "", "keys": []}'],
  ])('that %s is an error that names the file, and no secret is made: %j', async (what, text) => {
    const path = join(folder, name);
    await writeFile(path, text);
    const before = await contents();
    const error = await openSecrets(folder).catch((thrown: Error) => thrown);
    expect(String(error)).toMatch(`${path} ${what}`);
    expect(String(error)).toMatch(/; correct or restore it, or delete it: then .*$/);
    expect(String(error)).not.toMatch(/a-passw|short/);
    expect(await contents()).toEqual(before);
  });

  test('that cannot be read is an error that names the file', async () => {
    const path = join(folder, name);
    await rm(path);
    await mkdir(path);
    await expect(openSecrets(folder)).rejects.toThrow(
      `${path} cannot be read (EISDIR); correct or restore it`,
    );
    expect((await stat(path)).isDirectory()).toBe(true);
  });

  test('that is absent is made, and the others stay', async () => {
    const before = await contents();
    await rm(join(folder, name));
    await openSecrets(folder);
    const after = await contents();
    expect(after.filter((text) => !before.includes(text))).toHaveLength(1);
  });
});

test('a command beside npm start names the file that it cannot use', async () => {
  await expect(readRolePasswords(folder)).rejects.toThrow(
    `${join(folder, 'role-passwords.json')} is missing`,
  );
  await writeFile(join(folder, 'role-passwords.json'), '');
  await expect(readRolePasswords(folder)).rejects.toThrow(`${join(folder, 'role-passwords.json')} is empty`);
});

test("the local cluster's secrets are kept, and a file that lacks a setting is an error", async () => {
  await makeSecrets(folder);
  const before = await contents();
  await makeSecrets(folder);
  expect(await contents()).toEqual(before);
  const path = join(folder, 'postgres.env');
  await writeFile(path, '');
  await expect(makeSecrets(folder)).rejects.toThrow(
    `${path} has no POSTGRES_PASSWORD; correct or restore it`,
  );
  expect(await readFile(path, 'utf8')).toBe('');
});
