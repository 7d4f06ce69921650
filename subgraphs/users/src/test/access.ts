// Who may see and do what, and how often a login may be tried.
import { createPublicKey } from 'node:crypto';
import { NO_ORIGIN } from '@holdfast/platform/auth/security-events';
import { sqlStatements } from '@holdfast/platform/observability/metrics';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { calculateJwkThumbprint, importJWK, type JWK, SignJWT } from 'jose';
import { createKnownAddressStore } from '../data/known-addresses.ts';
import { createLoginTryStore } from '../data/login-tries.ts';
import { createDeviceTokens } from '../domain/device-tokens.ts';
import { createLoginGuard } from '../domain/login-guard.ts';
import { forgetAccounts } from '../testing.ts';
import { callsTo } from '../testing-calls.ts';
import { createKey } from '../testing-keys.ts';
import { users } from './shared.ts';

describe('access', () => {
  beforeAll(() => forgetAccounts(users.pool));
  const ENTITIES = `query ($representations: [_Any!]!) {
    _entities(representations: $representations) { ... on User { id username email role } }
  }`;

  interface Claims {
    readonly iss?: string;
    readonly aud?: string;
    readonly sub?: string;
    readonly jti?: string;
    readonly role?: string;
    readonly gen?: number;
    readonly iat?: number;
    readonly exp?: number;
  }

  const { open } = callsTo(() => users);
  let ada: string;
  let bob: string;
  let ownKey: JWK;

  beforeAll(async () => {
    ada = await open('Ada');
    bob = await open('Bob');
    const [first] = users.keys;
    if (first === undefined) throw new Error('the service was started without keys');
    ownKey = first;
  });

  const now = (): number => Math.floor(Date.now() / 1000);

  const goodClaims = (): Claims => ({
    iss: 'holdfast',
    aud: 'holdfast',
    sub: ada,
    jti: 'a token of the tests',
    role: 'CUSTOMER',
    gen: 0,
    iat: now(),
    exp: now() + 60,
  });

  const thumbprint = ({ kty, crv, x }: JWK) => calculateJwkThumbprint({ kty, crv, x });

  async function sign(claims: Claims, header: { typ?: string; kid?: string } = {}, key: JWK = ownKey) {
    const kid = await thumbprint(key);
    const protectedHeader = { alg: 'EdDSA', typ: 'at+jwt', kid, ...header };
    return new SignJWT({ ...claims }).setProtectedHeader(protectedHeader).sign(await importJWK(key, 'EdDSA'));
  }

  const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

  async function signWithPublicKey(key: JWK, format: 'pem' | 'der' | 'raw'): Promise<string> {
    const { kty, crv, x } = key;
    const publicKey = createPublicKey({ key: { kty, crv, x }, format: 'jwk' });
    const secret = {
      pem: () => Buffer.from(publicKey.export({ type: 'spki', format: 'pem' })),
      der: () => publicKey.export({ type: 'spki', format: 'der' }),
      raw: () => Buffer.from(x ?? '', 'base64url'),
    }[format]();
    const header = { alg: 'HS256', typ: 'at+jwt', kid: await thumbprint(key) };
    return new SignJWT({ ...goodClaims() }).setProtectedHeader(header).sign(secret);
  }

  const without = (claim: keyof Claims): Claims => {
    const { [claim]: _, ...rest } = goodClaims();
    return rest;
  };

  const me = (authorization?: string) => users.graphql('{ me { id username email } }', {}, authorization);

  describe('me', () => {
    it('is null when the request carries no token', async () => {
      expect(await me()).toEqual({ status: 200, data: { me: null }, errors: [] });
    });

    it('is the account of a good token, signed with any key of the set', async () => {
      const [, secondKey] = users.keys;
      for (const key of [ownKey, secondKey]) {
        const { data, errors } = await me(`Bearer ${await sign(goodClaims(), {}, key)}`);
        expect(errors).toEqual([]);
        expect(data.me).toEqual({ id: ada, username: 'Ada', email: 'ada@example.com' });
      }
    });

    it('is null for a good token of an account that is gone', async () => {
      const gone = await open('Gone');
      await users.pool.query('DELETE FROM users.users WHERE id = $1', [gone]);
      expect((await me(`Bearer ${await sign({ ...goodClaims(), sub: gone })}`)).data).toEqual({ me: null });
    });

    const badTokens: [string, () => Promise<string> | string][] = [
      ['of another scheme', () => 'Basic QWRhOnNlY3JldA=='],
      ['that is empty', () => 'Bearer '],
      ['that is garbled', () => 'Bearer a.b.c'],
      ['that is no JWT', () => 'Bearer nonsense'],
      ['whose claims were changed', async () => tampered(await sign(goodClaims()))],
      [
        'whose signature is cut off',
        async () => `Bearer ${(await sign(goodClaims())).replace(/[^.]+$/, '')}`,
      ],
      ['that has expired', async () => `Bearer ${await sign({ ...goodClaims(), exp: now() - 1 })}`],
      ['with alg none', () => `Bearer ${encode({ alg: 'none', typ: 'at+jwt' })}.${encode(goodClaims())}.`],
      [
        'with alg none and a signature',
        () => `Bearer ${encode({ alg: 'none', typ: 'at+jwt' })}.${encode(goodClaims())}.AA`,
      ],
      [
        'with HS256 and the public key in PEM as the secret',
        async () => `Bearer ${await signWithPublicKey(ownKey, 'pem')}`,
      ],
      [
        'with HS256 and the public key in DER as the secret',
        async () => `Bearer ${await signWithPublicKey(ownKey, 'der')}`,
      ],
      [
        'with HS256 and the public key raw as the secret',
        async () => `Bearer ${await signWithPublicKey(ownKey, 'raw')}`,
      ],
      ['signed with another key', async () => `Bearer ${await sign(goodClaims(), {}, await createKey())}`],
      [
        'signed with another key under the name of a good one',
        async () =>
          `Bearer ${await sign(goodClaims(), { kid: await thumbprint(ownKey) }, await createKey())}`,
      ],
      ['for another audience', async () => `Bearer ${await sign({ ...goodClaims(), aud: 'elsewhere' })}`],
      ['from another issuer', async () => `Bearer ${await sign({ ...goodClaims(), iss: 'elsewhere' })}`],
      ['of another type', async () => `Bearer ${await sign(goodClaims(), { typ: 'JWT' })}`],
      ['with an unknown role', async () => `Bearer ${await sign({ ...goodClaims(), role: 'ADMIN' })}`],
      ...(['role', 'gen', 'sub', 'jti', 'iat', 'exp', 'iss', 'aud'] as const).map(
        (claim): [string, () => Promise<string>] => [
          `without ${claim}`,
          async () => `Bearer ${await sign(without(claim))}`,
        ],
      ),
    ];

    it.each(badTokens)('is UNAUTHENTICATED for a token %s', async (_, authorization) => {
      const { data, errors } = await me(await authorization());
      expect(data).toEqual({ me: null });
      expect(errors.map(({ extensions }) => extensions.code)).toEqual(['UNAUTHENTICATED']);
    });
  });

  /** Makes staff of the token's owner. */
  function tampered(token: string): string {
    const [header, , signature] = token.split('.');
    return `Bearer ${header}.${encode({ ...goodClaims(), role: 'STAFF' })}.${signature}`;
  }

  describe('User as an entity', () => {
    const entities = async (ids: string[], claims?: Claims) => {
      const representations = ids.map((id) => ({ __typename: 'User', id }));
      const authorization = claims && `Bearer ${await sign(claims)}`;
      return users.graphql(ENTITIES, { representations }, authorization);
    };
    const asStaff = () => ({ ...goodClaims(), sub: bob, role: 'STAFF' });

    it('is shown to the user itself', async () => {
      const { data } = await entities([ada], goodClaims());
      expect(data._entities).toEqual([
        { id: ada, username: 'Ada', email: 'ada@example.com', role: 'CUSTOMER' },
      ]);
    });

    it('is null for a stranger and for an anonymous caller', async () => {
      expect((await entities([bob], goodClaims())).data._entities).toEqual([null]);
      expect((await entities([bob])).data._entities).toEqual([null]);
    });

    it('is UNAUTHENTICATED, and not null alone, for a token that cannot be trusted', async () => {
      const { data, errors } = await entities([ada], { ...goodClaims(), aud: 'elsewhere' });
      expect(data._entities).toEqual([null]);
      expect(errors[0]?.extensions.code).toBe('UNAUTHENTICATED');
    });

    it('is null when there is no such account, for every form of an id', async () => {
      const ids = ['2147483647', '2147483648', '0', `0${ada}`, 'no id', '', "'; DROP TABLE users.users; --"];
      const { data, errors } = await entities(ids, asStaff());
      expect(errors).toEqual([]);
      expect(data._entities).toEqual(ids.map(() => null));
    });

    it('costs one statement for any number of references', async () => {
      const ids = await Promise.all(Array.from({ length: 10 }, (_, index) => open(`many-${index}`)));
      const before = (await sqlStatements.get()).values[0]?.value ?? 0;
      const { data } = await entities([...ids, ada, bob, ada], asStaff());
      expect(data._entities.map(({ id }: { id: string }) => id)).toEqual([...ids, ada, bob, ada]);
      expect(((await sqlStatements.get()).values[0]?.value ?? 0) - before).toBe(1);
    });
  });

  describe('the HTTP side', () => {
    it('publishes the public halves of all keys, named by their thumbprints, for five minutes', async () => {
      const response = await fetch(`${users.url}/.well-known/jwks.json`);
      expect(response.status).toBe(200);
      expect(response.headers.get('cache-control')).toBe('public, max-age=300');
      const text = await response.text();
      const published = await Promise.all(
        users.keys.map(async (key) => ({
          kty: 'OKP',
          crv: 'Ed25519',
          x: key.x,
          kid: await thumbprint(key),
          alg: 'EdDSA',
          use: 'sig',
        })),
      );
      expect(JSON.parse(text)).toEqual({ keys: published });
      for (const { d } of users.keys) expect(text).not.toContain(d);
    });

    it('answers 404 in JSON elsewhere', async () => {
      const response = await fetch(`${users.url}/nowhere`);
      expect(response.status).toBe(404);
      expect(await response.json()).toEqual({
        errors: [{ message: expect.any(String), extensions: { code: 'BAD_USER_INPUT' } }],
      });
    });
  });
});

describe('the limits of tries to log in', () => {
  beforeAll(() => forgetAccounts(users.pool));
  const fail = async (username: string): Promise<string> => {
    const input = { username, password: 'not the password' };
    const { data } = await users.graphql(
      'mutation ($input: LoginInput!) { login(input: $input) { __typename } }',
      { input },
    );
    return data.login.__typename;
  };

  describe('the spellings of an address', () => {
    beforeAll(async () => {
      const id = await callsTo(() => users).open('Ada');
      await users.pool.query("UPDATE users.users SET email = 'ada@xn--bcher-kva.example' WHERE id = $1", [
        id,
      ]);
    });

    it.each([
      ['an account has', 'ada'],
      ['no account has', 'nobody'],
    ])('that %s are counted as one', async (_, local) => {
      const [plain, ...others] = [
        `${local}@bücher.example`,
        `${local}@xn--bcher-kva.example`,
        `${local}@ｂüｃher.example`,
        `${local}@bücher.example${' '.repeat(300)}`,
      ] as const;
      expect(await fail(plain)).toBe('InvalidCredentials');
      // After so many tries the next one has to wait for minutes.
      await users.pool.query('UPDATE users.login_tries SET failures = 28');
      for (const spelling of others)
        expect([spelling, await fail(spelling)]).toEqual([spelling, 'LoginLimited']);
    });
  });

  it('makes 5 tries whose outcome the client does not learn; a try that throws is not counted', async () => {
    const secrets = ['known to this test alone, and to no service'] as const;
    const guard = createLoginGuard({
      tries: createLoginTryStore(users.pool),
      known: createKnownAddressStore(users.pool),
      deviceTokens: createDeviceTokens(secrets),
      secrets,
    });
    const tried = { name: 'nobody', found: undefined, origin: NO_ORIGIN, deviceToken: undefined };
    const busy = new Error('too many wait');
    for (let count = 0; count < 6; count += 1)
      await expect(guard.tryUntold(tried, () => Promise.reject(busy))).rejects.toBe(busy);
    const made: boolean[] = [];
    for (let count = 0; count < 6; count += 1) made.push(await guard.tryUntold(tried, async () => true));
    expect(made).toEqual([true, true, true, true, true, false]);
  });
});
