// A test run removes only the folders that killed runs have left.
import { spawnSync } from 'node:child_process';
import { chown, mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from '@jest/globals';
import { listAbandonedFolders } from '../support/abandoned.ts';

const PREFIX = `holdfast-abandoned-${process.pid}-`;
/** The id of a process that has just ended, which the system does not use again so soon. */
const GONE = spawnSync(process.execPath, ['--version']).pid;
/** The id of an unprivileged user. */
const OTHER_USER = 65_534;

let made: string[] = [];
afterEach(async () => {
  for (const folder of made) await rm(folder, { recursive: true });
  made = [];
});

async function folderOf(name: string): Promise<string> {
  const folder = join(tmpdir(), PREFIX + name);
  await mkdir(folder);
  made.push(folder);
  return folder;
}

it('finds the folders of processes that are gone', async () => {
  const plain = await folderOf(`${GONE}`);
  const unique = await folderOf(`${GONE}-x7Yz`);
  await folderOf(`${process.pid}`);
  await folderOf(`${process.pid}-x7Yz`);
  await folderOf('other');
  expect((await listAbandonedFolders(PREFIX)).sort()).toEqual([plain, unique].sort());
});

// Only root can make a folder for another user.
(process.getuid?.() === 0 ? it : it.skip)(
  'leaves those of other users, which it may not remove',
  async () => {
    await chown(await folderOf(`${GONE}`), OTHER_USER, OTHER_USER);
    expect(await listAbandonedFolders(PREFIX)).toEqual([]);
  },
);
