// A full disk: `npm start` names it and is not ready, and a running system answers 503 until there is room again. The disk is a small
// one in memory, which only root can mount.
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { open, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errorCode } from '@holdfast/local/error-code';
import { openSecrets } from '@holdfast/local/settings/secrets';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Client } from '../support/client.ts';
import { freeBasePort, type Npm, STEP_MS, startNpm } from './npm.ts';

const CHUNK = Buffer.alloc(64 * 1024);
const TRIES = 100;

let disk: string | undefined;
let npm: Npm | undefined;

afterEach(async () => {
  npm?.end();
  await npm?.ended;
  if (disk !== undefined) unmount(disk);
  disk = undefined;
  npm = undefined;
});

function mount(sizeMb: number): string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-disk-'));
  try {
    const options = `size=${sizeMb}m,mode=755`;
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder], { stdio: 'pipe' });
  } catch (error) {
    rmSync(folder, { recursive: true });
    throw error;
  }
  return folder;
}

function unmount(folder: string): void {
  // Lazily, because a process that is about to end may still have a file open.
  execFileSync('umount', ['-l', folder]);
  rmSync(folder, { recursive: true });
}

function canMount(): boolean {
  try {
    unmount(mount(1));
    return true;
  } catch {
    return false;
  }
}

/** Fills the disk. Resolves with a function that frees the room. */
async function fill(folder: string): Promise<() => Promise<void>> {
  const path = join(folder, 'fill');
  const file = await open(path, 'w');
  try {
    for (;;) await file.write(CHUNK);
  } catch (error) {
    if (errorCode(error) !== 'ENOSPC') throw error;
  } finally {
    await file.close();
  }
  return () => rm(path);
}

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

  it(
    'makes a running system answer 503 until there is room again',
    async () => {
      disk = mount(200);
      const port = await freeBasePort();
      npm = await startNpm({ PORT: String(port), DATA_DIR: join(disk, 'data'), RATE_LIMITS: 'off' });
      await npm.waitFor('"msg":"ready"');
      const client = await Client.of(`http://127.0.0.1:${port}`);
      const { token } = await client.account();
      const create = async () => {
        const description = randomBytes(6_000).toString('base64');
        const body = { name: 'A thing', description, price: 1, stock: 1 };
        return client.rest('POST', '/products', { token, body });
      };
      const free = await fill(disk);
      const statuses: number[] = [];
      while (statuses.length < TRIES && !statuses.includes(503)) {
        const { status, body } = await create();
        statuses.push(status);
        if (status === 503) expect(body.code).toBe('SERVICE_UNAVAILABLE');
      }
      expect(statuses.filter((status) => status !== 201)).toEqual([503]);
      await free();
      expect((await create()).status).toBe(201);
    },
    STEP_MS,
  );
});
