// A full disk: `npm start` names it and is not ready. (npm-start.test.ts fills the disk of a running system.)
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openSecrets } from '@holdfast/local/settings/secrets';
import { afterEach, describe, expect, it } from '@jest/globals';
import { canMount, fill, mount, unmount } from './disk.ts';
import { freeBasePort, type Npm, STEP_MS, startNpm } from './npm.ts';

let disk: string | undefined;
let npm: Npm | undefined;

afterEach(async () => {
  npm?.end();
  await npm?.ended;
  if (disk !== undefined) unmount(disk);
  disk = undefined;
  npm = undefined;
});

(canMount() ? describe : describe.skip)('a full disk (skipped where no disk can be mounted)', () => {
  it('is named when a secret cannot be written, and no part of a secret is left', async () => {
    disk = mount(1);
    await fill(disk);
    await expect(openSecrets(disk)).rejects.toThrow(
      `${join(disk, 'keys.json')} cannot be written: the disk is full`,
    );
    expect(await readdir(disk)).toEqual(['fill']);
  });

  it.each([
    ['before there is a database', 32],
    ['by the files that the start itself has written', 100],
  ])(
    '%s stops npm start, which names the full disk and is not ready',
    async (_, sizeMb) => {
      disk = mount(sizeMb);
      npm = await startNpm({ PORT: String(await freeBasePort()), DATA_DIR: join(disk, 'data') });
      expect((await npm.ended).code).toBe(1);
      expect(npm.output()).toMatch(
        /npm start: the disk that holds .* is full: \d+ MB are free, and PostgreSQL needs 64 MB to work; free some space/,
      );
      expect(npm.output()).not.toMatch(/ready/);
    },
    STEP_MS,
  );
});
