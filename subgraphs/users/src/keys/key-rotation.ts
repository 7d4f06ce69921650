// Adds a new signing key to the file and removes ended keys. The file is replaced as a whole or not at all.
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { exportJWK } from 'jose/key/export';
import { generateKeyPair } from 'jose/key/generate/keypair';
import { z } from 'zod';
import { type KeyTimes, liveKeys, type ScheduledKey, scheduleKeys } from './key-schedule.ts';
import { findSigningKeyFile, parseSigningKeys, readSigningKeyFile, type SigningKey } from './signing-keys.ts';

export interface Rotation {
  /** The new content of the file. */
  readonly schedule: readonly ScheduledKey<SigningKey>[];
  readonly added: string;
  readonly dropped: readonly string[];
}

/**
 * Rotates the keys of the file at `path` at `now`, ms. It creates the next version of the file exclusively, so that of two concurrent
 * rotations one is refused, and moves it to the place of the file when it is complete.
 * @throws {Error} with one line that says why, without key material
 */
export async function rotateKeys(path: string, times: KeyTimes, now: number): Promise<Rotation> {
  const file = await findSigningKeyFile(path);
  const unfinished = `${file}.next`;
  const handle = await createExclusively(unfinished);
  try {
    const keys = await parseSigningKeys(file, await readSigningKeyFile(file));
    const live = liveKeys(scheduleKeys(keys, times), now).map(({ key }) => key);
    const issuedAt = Math.ceil(now / 1_000);
    const next = [...live.map(({ jwk }) => jwk), await makeKey(issuedAt)];
    const text = `${JSON.stringify({ keys: next }, null, 2)}\n`;
    // This checks the text with the rules of the service.
    const rotated = await parseSigningKeys(file, text);
    await writeLike(file, handle, text);
    await rename(unfinished, file);
    const kids = rotated.map(({ published }) => published.kid);
    return {
      schedule: scheduleKeys(rotated, times),
      added: kids.at(-1) ?? '',
      dropped: keys.map(({ published }) => published.kid).filter((kid) => !kids.includes(kid)),
    };
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  } finally {
    await handle.close();
  }
}

async function createExclusively(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx', 0o600);
  } catch (error) {
    const code = z.object({ code: z.string() }).safeParse(error).data?.code;
    if (code !== 'EEXIST') throw new Error(`${path} cannot be written (${code ?? 'unknown reason'})`);
    throw new Error(
      `${path} exists: another rotation is under way, or a rotation was killed. In that case delete the file`,
    );
  }
}

/** Writes and syncs the text with the owner and the rights of `file`, because root may rotate keys for another user. */
async function writeLike(file: string, handle: FileHandle, text: string): Promise<void> {
  const { uid, gid, mode } = await stat(file);
  await handle.chown(uid, gid);
  await handle.chmod(mode & 0o777);
  await handle.writeFile(text);
  await handle.sync();
}

async function makeKey(issuedAt: number): Promise<object> {
  const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
  const { kty, crv, x, d } = await exportJWK(privateKey);
  return { kty, crv, x, d, use: 'sig', iat: issuedAt };
}
