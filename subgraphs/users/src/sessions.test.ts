// Logging in, staying logged in and logging out, over HTTP and against PostgreSQL.
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { startTestUsers, type TestUsers } from './testing.ts';
import { waitOutRepeats } from './testing-calls.ts';

const SESSION = `__typename
  ... on Session { accessToken tokenType expiresIn refreshToken user { id username email } }
  ... on Problem { code message }`;
const LOGIN = `mutation ($input: LoginInput!) { login(input: $input) { ${SESSION} } }`;
const REFRESH = `mutation ($token: String!) { refreshSession(refreshToken: $token) { ${SESSION} } }`;
const LOGOUT = 'mutation ($token: String!) { logout(refreshToken: $token) }';
const REGISTER = `mutation ($input: RegisterInput!) { register(input: $input) { ... on User { id } } }`;

const PASSWORD = 'staple battery 42 horse';
const REFUSED_LOGIN = {
  __typename: 'InvalidCredentials',
  code: 'INVALID_CREDENTIALS',
  message: 'The username and password of an account are expected; these do not belong together.',
};
const REFUSED_TOKEN = {
  __typename: 'InvalidCredentials',
  code: 'INVALID_CREDENTIALS',
  message: 'A refresh token that is live and unused is expected. Log in again.',
};

let users: TestUsers;
let id: string;
beforeAll(async () => {
  users = await startTestUsers();
  id = await open('Ada', 'ada@example.com', PASSWORD);
});
afterAll(() => users.stop());

async function open(username: string, email: string, password: string): Promise<string> {
  const { data } = await users.graphql(REGISTER, { input: { username, email, password } });
  return data.register.id;
}

async function login(username: string, password = PASSWORD) {
  const { data, errors } = await users.graphql(LOGIN, { input: { username, password } });
  expect(errors).toEqual([]);
  return data.login;
}

async function refresh(token: string, authorization?: string) {
  const { data, errors } = await users.graphql(REFRESH, { token }, authorization);
  expect(errors).toEqual([]);
  return data.refreshSession;
}

async function logout(token: string): Promise<boolean> {
  return (await users.graphql(LOGOUT, { token })).data.logout;
}

const familyIsRevoked = async (refreshToken: string): Promise<boolean> => {
  const hash = createHash('sha256').update(refreshToken).digest();
  const { rows } = await users.pool.query(
    `SELECT head.revoked_at IS NOT NULL AS revoked
       FROM users.sessions s JOIN users.sessions head ON head.id = s.family_id WHERE s.token_hash = $1`,
    [hash],
  );
  return rows[0].revoked;
};

describe('login', () => {
  it.each(['Ada', 'aDA', 'ada@example.com', 'ADA@Example.com', ' ada@example.com '])(
    'takes %j',
    async (name) => {
      const session = await login(name);
      expect(session).toEqual({
        __typename: 'Session',
        accessToken: expect.any(String),
        tokenType: 'Bearer',
        expiresIn: 900,
        refreshToken: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/),
        user: { id, username: 'Ada', email: 'ada@example.com' },
      });
      const { data } = await users.graphql('{ me { id email } }', {}, `Bearer ${session.accessToken}`);
      expect(data.me).toEqual({ id, email: 'ada@example.com' });
    },
  );

  it('is to be had under no name that limits of tries count for another', async () => {
    await open('ike', 'ike@example.com', PASSWORD);
    expect(await login('IKE')).toMatchObject({ __typename: 'Session' });
    // PostgreSQL's lower() makes an i of it, and toLowerCase() two characters.
    expect(await login('\u0130ke')).toEqual(REFUSED_LOGIN);
  });

  it('issues an access token with the claims of RFC 9068 for fifteen minutes', async () => {
    const { accessToken } = await login('Ada');
    const claims = decodeJwt(accessToken);
    expect(claims).toEqual({
      iss: 'holdfast',
      aud: 'holdfast',
      sub: id,
      role: 'CUSTOMER',
      gen: 0,
      jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
      iat: expect.any(Number),
      exp: (claims.iat ?? 0) + 900,
    });
  });

  it('gives every session other tokens', async () => {
    const [one, other] = [await login('Ada'), await login('Ada')];
    expect(one.refreshToken).not.toBe(other.refreshToken);
    expect(decodeJwt(one.accessToken).jti).not.toBe(decodeJwt(other.accessToken).jti);
  });

  it.each([
    ['a wrong password', 'Ada', `${PASSWORD}!`],
    ['an empty password', 'Ada', ''],
    ['an unknown username', 'nobody', PASSWORD],
    ['an unknown address', 'nobody@example.com', PASSWORD],
    ['a name that PostgreSQL cannot store', 'Ada\u0000', PASSWORD],
    ['a name of 10,000 characters', 'x'.repeat(10_000), PASSWORD],
    ['a password of 129 characters', 'Ada', 'x'.repeat(129)],
    ['a password of 100,000 characters', 'Ada', 'é'.repeat(100_000)],
  ])('says the same to %s', async (_, name, password) => {
    expect(await login(name, password)).toEqual(REFUSED_LOGIN);
  });

  it('takes a password in whichever Unicode form the keyboard sends it', async () => {
    await open('rene', 'rene@example.com', 'cr\u00e8me br\u00fbl\u00e9e 77');
    expect((await login('rene', 'cre\u0300me bru\u0302le\u0301e 77')).__typename).toBe('Session');
    expect((await login('rene', 'creme brulee 77')).__typename).toBe('InvalidCredentials');
  });

  it('takes as long for an unknown name as for a wrong password', async () => {
    const msOf = async (name: string): Promise<number> => {
      const startedAt = performance.now();
      await login(name, 'wrong horse battery 9');
      return performance.now() - startedAt;
    };
    // Pair by pair, because what else the machine does changes from one moment to the next.
    const ratios: number[] = [];
    for (let round = 0; round < 15; round += 1) ratios.push((await msOf('nobody')) / (await msOf('Ada')));
    // Without the hash it would be a twentieth.
    expect(ratios.sort((a, b) => a - b)[7]).toBeGreaterThan(0.5);
  });

  it('stores the hash of the refresh token and not the token, for thirty days', async () => {
    const { refreshToken } = await login('Ada');
    const hash = createHash('sha256').update(refreshToken).digest();
    const { rows } = await users.pool.query(
      `SELECT s.*, s::text AS line, extract(epoch FROM expires_at - now()) / 86400 AS days
         FROM users.sessions s WHERE token_hash = $1`,
      [hash],
    );
    expect(rows).toHaveLength(1);
    expect(String(rows[0].user_id)).toBe(id);
    expect(Number(rows[0].days)).toBeCloseTo(30, 2);
    expect(rows[0].line).not.toContain(refreshToken);
  });
});

describe('refreshSession', () => {
  it('exchanges a token for a new session of the same family, also beside an expired access token', async () => {
    const first = await login('Ada');
    const second = await refresh(first.refreshToken, 'Bearer out.of.date');
    expect(second).toMatchObject({
      __typename: 'Session',
      expiresIn: 900,
      user: { id, email: 'ada@example.com' },
    });
    expect(second.refreshToken).not.toBe(first.refreshToken);
    const third = await refresh(second.refreshToken);
    expect(third.__typename).toBe('Session');
    const { data } = await users.graphql('{ me { id } }', {}, `Bearer ${third.accessToken}`);
    expect(data.me.id).toBe(id);
  });

  it('ends the family when a used token is presented again', async () => {
    const stolen = await login('Ada');
    const bystander = await login('Ada');
    const second = await refresh(stolen.refreshToken);
    await waitOutRepeats(users.pool, stolen.refreshToken);
    expect(await refresh(stolen.refreshToken)).toEqual(REFUSED_TOKEN);
    expect(await familyIsRevoked(stolen.refreshToken)).toBe(true);
    expect(await refresh(second.refreshToken)).toEqual(REFUSED_TOKEN);
    expect((await refresh(bystander.refreshToken)).__typename).toBe('Session');
  });

  it.each([
    ['unknown', 'A'.repeat(43)],
    ['empty', ''],
    ['too long', 'A'.repeat(44)],
    ['not in its alphabet', `${'A'.repeat(42)}\u0000`],
  ])('refuses a token that is %s', async (_, token) => {
    expect(await refresh(token)).toEqual(REFUSED_TOKEN);
  });

  it('refuses an expired token and leaves its family alone', async () => {
    const { refreshToken } = await login('Ada');
    const hash = createHash('sha256').update(refreshToken).digest();
    await users.pool.query(
      "UPDATE users.sessions SET expires_at = now() - interval '1 s' WHERE token_hash = $1",
      [hash],
    );
    expect(await refresh(refreshToken)).toEqual(REFUSED_TOKEN);
    expect(await familyIsRevoked(refreshToken)).toBe(false);
  });

  it('ends with its age, however it is refreshed, and no token of it promises more', async () => {
    const first = await login('Ada');
    const age = (days: number) =>
      users.pool.query(
        `UPDATE users.sessions SET created_at = now() - $2 * interval '1 day'
          WHERE id = (SELECT family_id FROM users.sessions WHERE token_hash = sha256(convert_to($1, 'UTF8')))`,
        [first.refreshToken, days],
      );
    await age(89);
    const second = await refresh(first.refreshToken);
    const { rows } = await users.pool.query(
      `SELECT extract(epoch FROM expires_at - now())::float / 86400 AS days
         FROM users.sessions WHERE token_hash = sha256(convert_to($1, 'UTF8'))`,
      [second.refreshToken],
    );
    expect(rows[0].days).toBeCloseTo(1, 2);
    await age(90);
    expect(await refresh(second.refreshToken)).toEqual(REFUSED_TOKEN);
    expect(await familyIsRevoked(first.refreshToken)).toBe(false);
  });

  it('lets no token of an ended family live on, however logout and refresh interleave', async () => {
    for (let round = 0; round < 40; round += 1) {
      const first = await login('Ada');
      const second = await refresh(first.refreshToken);
      const [, third] = await Promise.all([logout(first.refreshToken), refresh(second.refreshToken)]);
      expect(await familyIsRevoked(first.refreshToken)).toBe(true);
      const live = third.__typename === 'Session' ? third : second;
      expect(await refresh(live.refreshToken)).toEqual(REFUSED_TOKEN);
    }
  });
});

describe('logout', () => {
  it('ends the family of the token, used or not', async () => {
    const first = await login('Ada');
    const second = await refresh(first.refreshToken);
    expect(await logout(first.refreshToken)).toBe(true);
    expect(await refresh(second.refreshToken)).toEqual(REFUSED_TOKEN);
  });

  it('says true whatever comes, so that nothing can be probed', async () => {
    expect(await logout('A'.repeat(43))).toBe(true);
    expect(await logout('no token at all\u0000')).toBe(true);
  });
});
