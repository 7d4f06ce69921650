// The signing keys: their file, their schedule and their rotation.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createTokenVerifier } from '@holdfast/platform/auth/tokens';
import { createLogger } from '@holdfast/platform/observability/log';
import { ConfigError } from '@holdfast/platform/settings';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { calculateJwkThumbprint, createLocalJWKSet, exportJWK, generateKeyPair, type JWK } from 'jose';
import { createAccessTokenIssuer } from '../domain/access-tokens.ts';
import { createKey, temporaryFile } from '../testing-keys.ts';
import { type KeyRing, openKeyRing } from './key-ring.ts';
import { rotateKeys } from './key-rotation.ts';
import { type AgedKey, liveKeys, publishedMaxAgeS, scheduleKeys, signerAt } from './key-schedule.ts';

describe('the file of keys', () => {
  async function read(content: unknown): Promise<KeyRing> {
    const file = await temporaryFile(typeof content === 'string' ? content : JSON.stringify(content));
    try {
      return await open(file.path);
    } finally {
      await file.remove();
    }
  }

  async function open(path: string): Promise<KeyRing> {
    const times = { leadS: 900, tokenTtlS: 900 };
    const log = createLogger('users', 'silent');
    const ring = await openKeyRing({ path, times, pollMs: 60_000, log, onRotation: () => undefined });
    await ring.close();
    return ring;
  }

  const issuerOf = ({ signer }: KeyRing, now?: () => number) =>
    createAccessTokenIssuer({ signer, issuer: 'us', audience: 'you', ttlSeconds: 900, ...(now && { now }) });

  const verifierOf = (ring: KeyRing) =>
    createTokenVerifier({
      keys: createLocalJWKSet({ keys: [...ring.publicJwks().keys] }),
      issuer: 'us',
      audience: 'you',
      revocations: { hasEnded: async () => false },
    });

  const user = { id: 7, role: 'STAFF' } as const;
  const account = { ...user, tokenGeneration: 0 };

  describe('signing keys', () => {
    it('publish only the public members of a key, and no other members of the file', async () => {
      const key = { ...(await createKey()), kid: 'mine', key_ops: ['sign'], note: 'the spare one' };
      const publicJwks = (await read({ keys: [key] })).publicJwks();
      expect(Object.keys(publicJwks.keys[0] ?? {}).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x']);
      expect(JSON.stringify(publicJwks)).not.toContain(key.d);
      expect(publicJwks.keys[0]?.kid).toMatch(/^[A-Za-z0-9_-]{43}$/);
    });

    it('without an age sign with the first and verify with all, so that a key can be changed under live tokens', async () => {
      const [old, next] = [await createKey(), await createKey()];
      const before = await read({ keys: [old] });
      const during = await read({ keys: [next, old] });
      const after = await read({ keys: [next] });
      const { token: oldToken } = await issuerOf(before)(account);
      const { token: nextToken } = await issuerOf(during)(account);
      const kinds = async (keys: KeyRing) =>
        Promise.all(
          [oldToken, nextToken].map(async (token) => (await verifierOf(keys)(`Bearer ${token}`)).kind),
        );
      expect(await kinds(before)).toEqual(['user', 'invalid']);
      expect(await kinds(during)).toEqual(['user', 'user']);
      expect(await kinds(after)).toEqual(['invalid', 'user']);
    });

    it('make tokens that say who, with which role, and that end', async () => {
      const keys = await read({ keys: [await createKey()] });
      const { token, expiresIn } = await issuerOf(keys)(account);
      expect(expiresIn).toBe(900);
      expect(await verifierOf(keys)(`Bearer ${token}`)).toEqual({ kind: 'user', ...user });
      const { token: old } = await issuerOf(keys, () => Date.now() - 901_000)(account);
      expect(await verifierOf(keys)(`Bearer ${old}`)).toEqual({ kind: 'invalid', reason: 'it has expired' });
    });
  });

  describe('a file of keys that cannot be used', () => {
    const secret = 'c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3J';
    const errorOf = async (content: unknown): Promise<string> => {
      const error: unknown = await read(content).catch((thrown: unknown) => thrown);
      if (!(error instanceof ConfigError)) throw new Error(`a ConfigError is expected, got ${error}`);
      expect(error.cause).toBeUndefined();
      expect(error.stack).not.toContain(secret.slice(0, 8));
      return error.message.replace(/\/\S*keys\.json/, 'FILE');
    };

    it('is named when it is not there', async () => {
      await expect(open('/nowhere/keys.json')).rejects.toThrow(
        new ConfigError('SIGNING_KEYS_FILE: /nowhere/keys.json: cannot be read (ENOENT)'),
      );
    });

    it('says so when it is no JSON, without quoting it', async () => {
      expect(await errorOf(`${secret}}`)).toBe('SIGNING_KEYS_FILE: FILE: expected JSON');
    });

    it.each([[{}], [[]], ['null'], [{ keys: [] }], [{ keys: secret }], [{ kty: 'OKP', d: secret }]])(
      'says so when it is no JWK set (%#)',
      async (content) => {
        expect(await errorOf(content)).toBe(
          'SIGNING_KEYS_FILE: FILE: expected {"keys": [...]} with at least one key',
        );
      },
    );

    it('names the key that cannot be used, and its wrong members', async () => {
      const good = await createKey();
      const { d: _, ...publicOnly } = good;
      const kind = 'expected a private Ed25519 key (kty OKP, crv Ed25519, x, d); wrong or missing:';
      expect(await errorOf({ keys: [good, publicOnly] })).toBe(`SIGNING_KEYS_FILE: FILE: key 2: ${kind} d`);
      expect(await errorOf({ keys: [{ ...good, d: `${secret}!` }] })).toBe(
        `SIGNING_KEYS_FILE: FILE: key 1: ${kind} d`,
      );
      expect(await errorOf({ keys: [{ ...good, iat: 'yesterday' }] })).toBe(
        `SIGNING_KEYS_FILE: FILE: key 1: ${kind} iat`,
      );
      expect(await errorOf({ keys: [secret] })).toBe(
        `SIGNING_KEYS_FILE: FILE: key 1: ${kind} the key itself`,
      );
      const { privateKey } = await generateKeyPair('ES256', { extractable: true });
      expect(await errorOf({ keys: [await exportJWK(privateKey)] })).toBe(
        `SIGNING_KEYS_FILE: FILE: key 1: ${kind} kty, crv`,
      );
    });

    it('says so when the halves of a key do not belong together', async () => {
      const [one, other] = [await createKey(), await createKey()];
      expect(await errorOf({ keys: [{ ...one, x: other.x }] })).toBe(
        'SIGNING_KEYS_FILE: FILE: key 1: expected x to be the public half of d',
      );
    });

    it('says so when a key is in it twice', async () => {
      const key = await createKey();
      expect(await errorOf({ keys: [key, await createKey(), key] })).toBe(
        'SIGNING_KEYS_FILE: FILE: key 3 is in it twice',
      );
    });
  });
});

describe('the schedule of keys', () => {
  const TIMES = { leadS: 900, tokenTtlS: 600 };
  const key = (name: string, issuedAt?: number) => ({ name, issuedAt });
  type Named = ReturnType<typeof key>;

  const signing = (keys: readonly Named[], atS: number) =>
    signerAt(scheduleKeys(keys, TIMES), atS * 1_000)?.name;
  const published = (keys: readonly Named[], atS: number) =>
    liveKeys(scheduleKeys(keys, TIMES), atS * 1_000).map(({ key: { name } }) => name);

  describe('the schedule of the signing keys', () => {
    it('lets the only key sign at once', () => {
      expect(signing([key('new', 10_000)], 10_000)).toBe('new');
      expect(signing([key('new', 10_000)], 9_000)).toBe('new');
    });

    it('publishes a new key at once, signs with it after the lead, and ends the old one after its last token', () => {
      const keys = [key('new', 10_000), key('old', 1_000)];
      expect([signing(keys, 10_899), published(keys, 10_000)]).toEqual(['old', ['old', 'new']]);
      expect([signing(keys, 10_900), published(keys, 10_900)]).toEqual(['new', ['old', 'new']]);
      // The lead, the token's life and a minute for clocks that differ.
      expect(published(keys, 10_900 + 600 + 59)).toEqual(['old', 'new']);
      expect(published(keys, 10_900 + 600 + 60)).toEqual(['new']);
    });

    it('takes keys without an age for old ones, of which the first signs', () => {
      const keys = [key('first'), key('second'), key('new', 10_000)];
      expect([signing(keys, 10_899), signing(keys, 10_900)]).toEqual(['first', 'new']);
      expect(published(keys, 11_559)).toEqual(['first', 'second', 'new']);
      expect(published(keys, 11_560)).toEqual(['new']);
      expect(published([key('first'), key('second')], 1e9)).toEqual(['first', 'second']);
    });

    it('goes through keys that were made one soon after another in their order', () => {
      const keys = [key('a', 1_000), key('b', 10_000), key('c', 10_100)];
      expect([10_899, 10_900, 10_999, 11_000].map((at) => signing(keys, at))).toEqual(['a', 'b', 'b', 'c']);
    });

    it('signs with the first of those that were made in the same second, which end together', () => {
      const keys = [key('a', 1_000), key('b', 10_000), key('c', 10_000)];
      expect([10_899, 10_900, 1e9].map((at) => signing(keys, at))).toEqual(['a', 'b', 'b']);
      expect(published(keys, 1e9)).toEqual(['b', 'c']);
      const next = [...keys, key('d', 20_000)];
      expect(signing(next, 20_900)).toBe('d');
      expect([published(next, 21_559), published(next, 21_560)]).toEqual([['b', 'c', 'd'], ['d']]);
    });

    // Some of the same second, which random numbers hardly ever are.
    const anyAge = fc.oneof(fc.integer({ min: 0, max: 20_000 }), fc.constantFrom(undefined, 5_000, 10_000));
    const anyKeys = fc
      .array(anyAge, { minLength: 1, maxLength: 6 })
      .map((ages) => ages.map((issuedAt, index) => key(`key ${index}`, issuedAt)));
    const anyTimes = fc.record({
      leadS: fc.integer({ min: 3, max: 2_000 }),
      tokenTtlS: fc.integer({ min: 1, max: 3_600 }),
    });
    const anyMoment = fc.integer({ min: 0, max: 30_000_000 });

    it('has a signer at every moment, which is published until the last token of it has expired', () => {
      fc.assert(
        fc.property(anyKeys, anyTimes, anyMoment, (keys, times, now) => {
          const schedule = scheduleKeys(keys, times);
          const signer = signerAt(schedule, now);
          const lastUse = now + times.tokenTtlS * 1_000;
          return signer !== undefined && liveKeys(schedule, lastUse).some(({ key: each }) => each === signer);
        }),
      );
    });

    it('never signs with a key that is younger than the lead, unless there is no older key', () => {
      const ageOf = ({ issuedAt }: AgedKey): number => issuedAt ?? Number.NEGATIVE_INFINITY;
      fc.assert(
        fc.property(anyKeys, anyTimes, anyMoment, (keys, times, now) => {
          const signer = signerAt(scheduleKeys(keys, times), now);
          if (signer === undefined) return false;
          const oldest = Math.min(...keys.map(ageOf));
          return ageOf(signer) === oldest || ageOf(signer) + times.leadS <= now / 1_000;
        }),
      );
    });

    it('does not change when the keys that are over are taken out', () => {
      fc.assert(
        fc.property(anyKeys, anyTimes, anyMoment, anyMoment, (keys, times, now, later) => {
          const schedule = scheduleKeys(keys, times);
          const rest = scheduleKeys(
            liveKeys(schedule, now).map(({ key: each }) => each),
            times,
          );
          const at = Math.max(now, later);
          return (
            signerAt(rest, at) === signerAt(schedule, at) &&
            liveKeys(rest, at).length === liveKeys(schedule, at).length
          );
        }),
      );
    });

    it('lets copies of the published keys grow no older than a third of the lead, nor than five minutes', () => {
      expect([3, 10, 900, 86_400].map(publishedMaxAgeS)).toEqual([1, 3, 300, 300]);
    });
  });
});

describe('the rotation of keys', () => {
  const PROGRAM = fileURLToPath(new URL('../programs/rotate-keys.ts', import.meta.url));
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

  const inFile = async (): Promise<(JWK & { iat?: number })[]> =>
    JSON.parse(await readFile(file, 'utf8')).keys;
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

    it('keeps the owner and the rights of the file', async () => {
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

    it('is complete or refused when several run at the same time: no key is lost', async () => {
      const outcomes = await Promise.allSettled(
        Array.from({ length: 8 }, () => rotateKeys(file, TIMES, NOW)),
      );
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

    it('does not change a file that cannot be used, and does not print its content', async () => {
      const broken = JSON.stringify({ keys: [{ ...first, x: (await createKey()).x }] });
      await writeFile(file, broken);
      const error: unknown = await rotateKeys(file, TIMES, NOW).catch((thrown: unknown) => thrown);
      expect(String(error)).toMatch(/key 1: expected x to be the public half of d$/);
      expect(await readFile(file, 'utf8')).toBe(broken);
      expect(await readdir(folder)).toEqual(['keys.json']);
    });

    const run = async (...args: string[]) => {
      const { PATH = '', NODE_COMPILE_CACHE = '' } = process.env;
      const env = { PATH, NODE_COMPILE_CACHE, KEY_LEAD_S: '60', ACCESS_TOKEN_TTL_S: '30' };
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
      ring = await openKeyRing({
        path: data ?? '',
        times: TIMES,
        pollMs: 10,
        log,
        onRotation,
        now: () => now,
      });
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
});
