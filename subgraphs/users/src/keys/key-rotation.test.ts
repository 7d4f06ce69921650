// Rotating the keys in their file, and a ring that follows it: what is written, what races, and what cannot be used.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createTokenVerifier } from '@holdfast/platform/auth/tokens';
import { createLogger } from '@holdfast/platform/observability/log';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { calculateJwkThumbprint, type JWK } from 'jose';
import { createAccessTokenIssuer } from '../domain/access-tokens.ts';
import { createKey } from '../testing.ts';
import { type KeyRing, openKeyRing } from './key-ring.ts';
import { rotateKeys } from './key-rotation.ts';

const PROGRAM = fileURLToPath(new URL('../rotate-keys.ts', import.meta.url));
const TIMES = { leadS: 900, tokenTtlS: 900 };
const NOW = Date.parse('2026-11-23T08:00:00.000Z');
const MINUTES = 60_000;

let folder: string;
let file: string;
let first: JWK;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-keys-'));
  file = join(folder, 'keys.json');
  first = await createKey();
  await writeFile(file, JSON.stringify({ keys: [first] }), { mode: 0o600 });
});
afterEach(() => rm(folder, { recursive: true }));

const inFile = async (): Promise<(JWK & { iat?: number })[]> => JSON.parse(await readFile(file, 'utf8')).keys;
const kidOf = ({ kty, crv, x }: JWK) => calculateJwkThumbprint({ kty, crv, x });

describe('a rotation', () => {
  it('adds a key with its age beside the old one, which stays as it is, for the owner only', async () => {
    const { added, dropped } = await rotateKeys(file, TIMES, NOW + 1);
    const [old, next, ...more] = await inFile();
    expect([old, more]).toEqual([first, []]);
    expect(next).toEqual({
      kty: 'OKP',
      crv: 'Ed25519',
      x: expect.any(String),
      d: expect.any(String),
      use: 'sig',
      iat: NOW / 1_000 + 1,
    });
    expect([added, dropped]).toEqual([await kidOf(next ?? {}), []]);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).toEqual(['keys.json']);
  });

  it('leaves the file to whoever could read it before', async () => {
    await chmod(file, 0o640);
    await rotateKeys(file, TIMES, NOW);
    expect((await stat(file)).mode & 0o777).toBe(0o640);
  });

  it('drops a key once it is over, and not before', async () => {
    await rotateKeys(file, TIMES, NOW);
    // Lead, life of a token, a minute for the clocks.
    const early = await rotateKeys(file, TIMES, NOW + 31 * MINUTES - 1);
    expect([early.dropped, (await inFile()).length]).toEqual([[], 3]);
    const late = await rotateKeys(file, TIMES, NOW + 31 * MINUTES);
    expect([late.dropped, (await inFile()).length]).toEqual([[await kidOf(first)], 3]);
  });

  it('of several at once either does all or nothing: no key is lost', async () => {
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => rotateKeys(file, TIMES, NOW)));
    const added = outcomes.flatMap((outcome) =>
      outcome.status === 'fulfilled' ? [outcome.value.added] : [],
    );
    const kids = await Promise.all((await inFile()).map(kidOf));
    expect(added.length).toBeGreaterThanOrEqual(1);
    expect(kids.sort()).toEqual([await kidOf(first), ...added].sort());
    for (const outcome of outcomes)
      if (outcome.status === 'rejected')
        expect(outcome.reason.message).toContain('another rotation is under way');
  });

  it('leaves a file alone that cannot be used, and says nothing of what is in it', async () => {
    const broken = JSON.stringify({ keys: [{ ...first, x: (await createKey()).x }] });
    await writeFile(file, broken);
    const error: unknown = await rotateKeys(file, TIMES, NOW).catch((thrown: unknown) => thrown);
    expect(String(error)).toMatch(/key 1: expected x to be the public half of d$/);
    expect(await readFile(file, 'utf8')).toBe(broken);
    expect(await readdir(folder)).toEqual(['keys.json']);
  });

  const run = async (...args: string[]) => {
    const env = { PATH: process.env['PATH'] ?? '', KEY_LEAD_S: '60', ACCESS_TOKEN_TTL_S: '30' };
    const child: ChildProcess = spawn(process.execPath, [PROGRAM, ...args], { env });
    let said = '';
    child.stdout?.on('data', (text) => (said += text));
    child.stderr?.on('data', (text) => (said += text));
    const [code] = await once(child, 'close');
    return { code, lines: said.trim().split('\n') };
  };

  it('is a program, which says when each key signs and ends and has no key material in its words', async () => {
    const { code, lines } = await run(file);
    const [, next] = await inFile();
    const signsAt = ((next?.iat ?? 0) + 60) * 1_000;
    const time = (ms: number) => new Date(ms).toISOString();
    expect(code).toBe(0);
    expect(lines).toEqual([
      `added ${await kidOf(next ?? {})}`,
      `${await kidOf(first)}  signs until it is replaced, verifies until ${time(signsAt + 90_000)}`,
      `${await kidOf(next ?? {})}  signs from ${time(signsAt)} until rotated`,
    ]);
    for (const { d } of await inFile()) expect(lines.join('\n')).not.toContain(d);
  });

  it('is a program that ends with 1 and one line when it cannot', async () => {
    expect(await run(join(folder, 'no.json'))).toEqual({
      code: 1,
      lines: [
        expect.stringMatching(/^rotate-keys: SIGNING_KEYS_FILE: .*no\.json: cannot be read \(ENOENT\)$/),
      ],
    });
    expect(await run()).toEqual({
      code: 1,
      lines: ['rotate-keys: expected one argument, the file with the keys'],
    });
  });
});

describe('a ring of keys', () => {
  let now: number;
  let ring: KeyRing;
  let logged: string[];
  let rotations: (readonly string[])[];
  const onRotation = (kids: readonly string[]) => void rotations.push(kids);
  beforeEach(async () => {
    now = NOW;
    logged = [];
    rotations = [];
    const log = createLogger('users', 'silent');
    const note = (_: object, message: string) => void logged.push(message);
    Object.assign(log, { info: note, error: note });
    ring = await openKeyRing({ path: file, times: TIMES, pollMs: 10, log, onRotation, now: () => now });
  });
  afterEach(() => ring.close());

  const published = () => ring.publicJwks().keys.map(({ kid }) => kid);
  const eventually = async (isSo: () => boolean): Promise<void> => {
    while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  const issue = async () => {
    const options = { signer: ring.signer, issuer: 'us', audience: 'us', ttlSeconds: 900 };
    return (await createAccessTokenIssuer(options)({ id: 7, role: 'CUSTOMER', tokenGeneration: 0 })).token;
  };
  const accepts = async (token: string) => {
    const verify = createTokenVerifier({
      keys: ring.verifierKeys,
      issuer: 'us',
      audience: 'us',
      revocations: { hasEnded: async () => false },
    });
    return (await verify(`Bearer ${token}`)).kind === 'user';
  };

  it('goes from key to key by the clock: signer, published keys and verifier together', async () => {
    const [old, { added }] = [await kidOf(first), await rotateKeys(file, TIMES, NOW)];
    await eventually(() => published().length === 2);
    expect(rotations).toEqual([[old, added]]);
    const ofOld = await issue();
    expect([ring.signer().kid, published()]).toEqual([old, [old, added]]);
    now = NOW + 15 * MINUTES;
    const ofNew = await issue();
    expect([ring.signer().kid, published()]).toEqual([added, [old, added]]);
    expect([await accepts(ofOld), await accepts(ofNew)]).toEqual([true, true]);
    now = NOW + 31 * MINUTES;
    expect(published()).toEqual([added]);
    expect([await accepts(ofOld), await accepts(ofNew)]).toEqual([false, true]);
  });

  it('keeps its keys while the file cannot be used, says so once, and goes on when it can', async () => {
    const before = published();
    for (const content of ['', '{"keys": []}', JSON.stringify({ keys: [{ ...first, d: 'short' }] })]) {
      const errors = logged.length;
      await writeFile(file, content);
      await eventually(() => logged.length > errors);
      expect([published(), ring.signer().kid]).toEqual([before, before[0]]);
    }
    expect(logged.length).toBeLessThanOrEqual(4);
    const next = await createKey();
    await writeFile(file, JSON.stringify({ keys: [next] }));
    const kid = await kidOf(next);
    await eventually(() => ring.signer().kid === kid);
    expect(published()).toEqual([kid]);
  });

  it('follows a symbolic link that is pointed elsewhere, as Kubernetes does', async () => {
    await ring.close();
    const [one, other, data] = ['..1', '..2', '..data'].map((name) => join(folder, name));
    const next = await createKey();
    await writeFile(one ?? '', JSON.stringify({ keys: [first] }));
    await writeFile(other ?? '', JSON.stringify({ keys: [next] }));
    await symlink(one ?? '', data ?? '');
    const log = createLogger('users', 'silent');
    ring = await openKeyRing({ path: data ?? '', times: TIMES, pollMs: 10, log, onRotation, now: () => now });
    expect(ring.signer().kid).toBe(await kidOf(first));
    await symlink(other ?? '', `${data}.new`);
    await rename(`${data}.new`, data ?? '');
    const kid = await kidOf(next);
    await eventually(() => ring.signer().kid === kid);
  });

  it('follows a file that was away', async () => {
    await rm(file);
    await eventually(() => logged.length === 1);
    expect(published()).toEqual([await kidOf(first)]);
    const next = await createKey();
    await writeFile(file, JSON.stringify({ keys: [next] }));
    await chmod(file, 0o600);
    const kid = await kidOf(next);
    await eventually(() => ring.signer().kid === kid);
  });
});
