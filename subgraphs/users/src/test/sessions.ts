// Sessions over HTTP, against PostgreSQL: opening, refreshing, ending and sweeping them.

import { createHash, randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import pg from 'pg';
import { type Swept, sweepSessions } from '../data/session-sweep.ts';
import { createSessionStore } from '../data/sessions.ts';
import { createSuccessors, refreshTokenHash } from '../domain/refresh-tokens.ts';
import { forgetAccounts, startTestUsers, type TestUsers } from '../testing.ts';
import {
  callsTo,
  insertSession,
  isAnyWaiting,
  kindOf,
  meanwhile,
  PASSWORD,
  type Session,
  waitOutRepeats,
} from '../testing-calls.ts';
import { users } from './shared.ts';

describe('sessions', () => {
  beforeAll(() => forgetAccounts(users.pool));
  const SESSION = `__typename
    ... on Session { accessToken tokenType expiresIn refreshToken user { id username email } }
    ... on Problem { code message }`;
  const LOGIN = `mutation ($input: LoginInput!) { login(input: $input) { ${SESSION} } }`;
  const REFRESH = `mutation ($token: String!) { refreshSession(refreshToken: $token) { ${SESSION} } }`;
  const LOGOUT = 'mutation ($token: String!) { logout(refreshToken: $token) }';
  const REGISTER = `mutation ($input: RegisterInput!) { register(input: $input) { __typename } }`;

  const REFUSED_LOGIN = {
    __typename: 'InvalidCredentials',
    code: 'INVALID_CREDENTIALS',
    message: 'The username or the password is wrong.',
  };
  const REFUSED_TOKEN = {
    __typename: 'InvalidCredentials',
    code: 'INVALID_CREDENTIALS',
    message: 'The refresh token is unknown, used, expired or ended. Log in again.',
  };

  let id: string;
  beforeAll(async () => {
    id = await open('Ada');
  });

  const { open } = callsTo(() => users);
  /** Opens an account as a client does, whose hash costs what hashes of the service cost. */
  async function register(username: string, password = PASSWORD): Promise<void> {
    const input = { username, email: `${username}@example.com`, password };
    await users.graphql(REGISTER, { input });
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
      await open('ike');
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
      await register('rene', 'cr\u00e8me br\u00fbl\u00e9e 77');
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
      await register('timed');
      const ratios: number[] = [];
      for (let round = 0; round < 7; round += 1) ratios.push((await msOf('nobody')) / (await msOf('timed')));
      // Without the hash it would be a twentieth.
      expect(ratios.sort((a, b) => a - b)[3]).toBeGreaterThan(0.5);
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
      for (let round = 0; round < 5; round += 1) {
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

    it('returns true for every token, so that a caller cannot probe tokens', async () => {
      expect(await logout('A'.repeat(43))).toBe(true);
      expect(await logout('no token at all\u0000')).toBe(true);
    });
  });
});

describe('a refresh that is sent twice', () => {
  beforeAll(() => forgetAccounts(users.pool));
  const REFRESH = `mutation ($token: String!, $key: String) { refreshSession(refreshToken: $token, idempotencyKey: $key) {
    __typename ... on Session { accessToken refreshToken user { username } } } }`;

  const calls = callsTo(() => users);
  beforeAll(async () => {
    await calls.open('ada');
  });

  const refresh = async (token: string, key?: string, at: Pick<TestUsers, 'graphql'> = users) => {
    const { data, errors } = await at.graphql(REFRESH, { token, key });
    expect(errors).toEqual([]);
    return data.refreshSession;
  };
  const login = async (): Promise<string> => (await calls.login('ada', PASSWORD)).refreshToken;
  const REFUSED = { __typename: 'InvalidCredentials' };

  describe('a refresh that comes again within ten seconds', () => {
    it.each([
      ['without a key', undefined, undefined],
      ['with its key', 'one', 'one'],
      ['with another key, as from another tab', 'one', 'another'],
    ])('%s gives the same next token, which then goes on as any other', async (_, key, again) => {
      const first = await login();
      const second = await refresh(first, key);
      expect(second).toMatchObject({ __typename: 'Session', user: { username: 'ada' } });
      for (let retry = 0; retry < 3; retry += 1)
        expect(await refresh(first, again)).toMatchObject({
          __typename: 'Session',
          refreshToken: second.refreshToken,
        });
      const third = await refresh(second.refreshToken);
      expect(third.__typename).toBe('Session');
      expect(third.refreshToken).not.toBe(second.refreshToken);
      expect((await refresh(third.refreshToken)).__typename).toBe('Session');
    });

    it('ten times at once, at two instances, gives the same next token to all', async () => {
      const other = await users.another();
      try {
        for (let round = 0; round < 2; round += 1) {
          const first = await login();
          const sessions = await Promise.all(
            Array.from({ length: 10 }, (_, index) => refresh(first, undefined, [users, other][index % 2])),
          );
          expect(new Set(sessions.map(({ __typename }) => __typename))).toEqual(new Set(['Session']));
          const tokens = new Set(sessions.map(({ refreshToken }) => refreshToken));
          expect(tokens.size).toBe(1);
          expect((await refresh([...tokens][0])).__typename).toBe('Session');
        }
      } finally {
        await other.stop();
      }
    });

    it('ends the session when the next token was used', async () => {
      const first = await login();
      const second = await refresh(first, 'mine');
      const third = await refresh(second.refreshToken, 'next');
      expect(await refresh(first, 'mine')).toEqual(REFUSED);
      expect(await refresh(third.refreshToken)).toEqual(REFUSED);
    });

    it('opens no session after a logout', async () => {
      const first = await login();
      await refresh(first, 'mine');
      await users.graphql('mutation ($token: String!) { logout(refreshToken: $token) }', { token: first });
      expect(await refresh(first, 'mine')).toEqual(REFUSED);
    });

    it('is refused when the key is malformed, and uses up no token', async () => {
      const first = await login();
      const { errors } = await users.graphql(REFRESH, { token: first, key: '' });
      expect(errors).toMatchObject([
        { extensions: { code: 'BAD_USER_INPUT', errors: [{ field: 'idempotencyKey' }] } },
      ]);
      expect((await refresh(first)).__typename).toBe('Session');
    });
  });

  describe('a refresh that comes again later', () => {
    it('with its key gives the same next token', async () => {
      const first = await login();
      const second = await refresh(first, 'mine');
      await waitOutRepeats(users.pool, first);
      expect(await refresh(first, 'mine')).toMatchObject({ refreshToken: second.refreshToken });
    });

    it.each([
      ['another key', 'mine', 'another'],
      ['no key', 'mine', undefined],
      ['a key, after the first had none', undefined, 'mine'],
      ['no key, like the first', undefined, undefined],
    ])('with %s ends the session', async (_, key, again) => {
      const first = await login();
      const second = await refresh(first, key);
      await waitOutRepeats(users.pool, first);
      expect(await refresh(first, again)).toEqual(REFUSED);
      expect(await refresh(first, key)).toEqual(REFUSED);
      expect(await refresh(second.refreshToken)).toEqual(REFUSED);
    });
  });

  describe('the next token', () => {
    const token = 'A'.repeat(43);

    it('has the form of a refresh token, and follows from token and secret', () => {
      const [next] = createSuccessors(['secret'])(token);
      expect(refreshTokenHash(next.token)).toEqual(next.hash);
      expect(createSuccessors(['secret'])(token)[0]).toEqual(next);
      for (const other of [
        createSuccessors(['secret'])('B'.repeat(43))[0],
        createSuccessors(['another secret'])(token)[0],
      ])
        expect(other.token).not.toBe(next.token);
    });

    it('is known again while the secret is being rotated', () => {
      const [issued] = createSuccessors(['old', 'new'])(token);
      expect(createSuccessors(['new', 'old'])(token)).toContainEqual(issued);
    });
  });
});

describe('ending all sessions', () => {
  beforeAll(() => forgetAccounts(users.pool));

  const { open, login, refresh } = callsTo(() => users);
  const everywhere = (session?: Session) =>
    users.graphql('mutation { logoutEverywhere }', {}, session && `Bearer ${session.accessToken}`);

  describe('logoutEverywhere', () => {
    it('is refused to callers who are not signed in', async () => {
      const { data, errors } = await everywhere();
      expect([data, errors.map(({ extensions }) => extensions.code)]).toEqual([
        { logoutEverywhere: null },
        ['UNAUTHENTICATED'],
      ]);
    });

    it('ends all sessions of the caller, also refreshed ones, and of no other account', async () => {
      await open('leaver');
      await open('stayer');
      const [first, second, stayer] = [await login('leaver'), await login('leaver'), await login('stayer')];
      const refreshed = await refresh(first.refreshToken);
      expect((await everywhere(second)).data).toEqual({ logoutEverywhere: true });
      for (const { refreshToken } of [refreshed, second])
        expect(await kindOf(refresh(refreshToken))).toBe('InvalidCredentials');
      expect(await kindOf(refresh(stayer.refreshToken))).toBe('Session');
      expect((await everywhere(await login('leaver'))).data).toEqual({ logoutEverywhere: true });
      expect(await kindOf(login('leaver'))).toBe('Session');
    });

    it('waits for a login that is being committed and ends its session', async () => {
      const id = await open('late');
      const session = await login('late');
      const token = 'E'.repeat(43);
      const reply = await meanwhile(
        users.pool,
        (client) => insertSession(client, id, token),
        () => everywhere(session),
      );
      expect(reply.data).toEqual({ logoutEverywhere: true });
      expect(await kindOf(refresh(token))).toBe('InvalidCredentials');
    });

    it('and a refresh that has begun do not lock each other up', async () => {
      const id = await open('refresher');
      const session = await login('refresher');
      const hashOf = (token: string) => createHash('sha256').update(token).digest();
      const next = 'N'.repeat(43);
      const client = await users.pool.connect();
      try {
        await client.query('BEGIN');
        const { rows } = await client.query<{ id: string }>(
          'UPDATE users.sessions SET used_at = now() WHERE token_hash = $1 RETURNING family_id AS id',
          [hashOf(session.refreshToken)],
        );
        const ending = everywhere(session);
        while (!(await isAnyWaiting(users.pool))) await new Promise((resolve) => setTimeout(resolve, 5));
        // Its foreign key asks for a share of the account's row.
        await client.query(
          `INSERT INTO users.sessions (family_id, user_id, token_hash, expires_at)
           VALUES ($1, $2, $3, now() + interval '1 day')`,
          [rows[0]?.id, id, hashOf(next)],
        );
        await client.query('COMMIT');
        expect((await ending).data).toEqual({ logoutEverywhere: true });
      } finally {
        client.release(true);
      }
      expect(await kindOf(refresh(next))).toBe('InvalidCredentials');
    });

    it('leaves no session alive when it races with refreshes, and does not deadlock', async () => {
      for (let round = 0; round < 3; round += 1) {
        const name = `racing-${round}`;
        await open(name);
        const sessions: Session[] = [];
        for (let index = 0; index < 6; index += 1) sessions.push(await login(name));
        const [refreshed, ...ended] = await Promise.all([
          Promise.all(sessions.map(({ refreshToken }) => refresh(refreshToken))),
          ...sessions.slice(0, 2).map((session) => everywhere(session)),
        ]);
        expect(ended.map(({ data }) => data)).toEqual(Array(2).fill({ logoutEverywhere: true }));
        for (const { refreshToken } of refreshed.filter(({ __typename }) => __typename === 'Session'))
          expect(await kindOf(refresh(refreshToken))).toBe('InvalidCredentials');
      }
    });
  });
});

describe('the sweep of sessions', () => {
  beforeAll(() => forgetAccounts(users.pool));
  let userId: string;
  let pool: pg.Pool;
  const sweep = (maxFamilies: number): Promise<Swept> => sweepSessions(pool, maxFamilies);
  beforeAll(async () => {
    userId = await callsTo(() => users).open('sleeper');
    pool = new pg.Pool({ connectionString: users.databaseUrl, max: 8, statement_timeout: 5_000 });
  });
  afterEach(() => pool.query('DELETE FROM users.sessions'));
  afterAll(async () => {
    await pool.end();
  });

  interface Token {
    /** Days from now. */
    readonly expiresIn: number;
    readonly isUsed?: boolean;
  }

  /** A family of `tokens`, oldest first; returns its id and the hash of the newest token. */
  async function family(tokens: readonly Token[], revoked = false): Promise<{ id: string; newest: Buffer }> {
    const { rows } = await pool.query<{ id: string }>(`SELECT nextval('users.sessions_id_seq') AS id`);
    const id = rows[0]?.id ?? '';
    let newest = Buffer.alloc(0);
    for (const [index, { expiresIn, isUsed = index < tokens.length - 1 }] of tokens.entries()) {
      newest = randomBytes(32);
      await pool.query(
        `INSERT INTO users.sessions (id, family_id, user_id, token_hash, expires_at, used_at, revoked_at)
         VALUES (coalesce($1, nextval('users.sessions_id_seq')), $2, $3, $4, now() + $5 * interval '1 day', $6, $7)`,
        [
          index === 0 ? id : null,
          id,
          userId,
          newest,
          expiresIn,
          isUsed ? new Date() : null,
          revoked && index === 0 ? new Date() : null,
        ],
      );
    }
    return { id, newest };
  }

  const left = async (): Promise<string[]> =>
    (await pool.query<{ id: string }>('SELECT DISTINCT family_id AS id FROM users.sessions')).rows
      .map(({ id }) => id)
      .sort();

  describe('a sweep of sessions', () => {
    it('deletes the families of which every token has been over for a day, whole, and no others', async () => {
      await family([{ expiresIn: -1.1 }]);
      await family([{ expiresIn: -40 }, { expiresIn: -20 }, { expiresIn: -2 }]);
      await family([{ expiresIn: -3 }, { expiresIn: -2 }], true);
      const kept = [
        await family([{ expiresIn: 30 }]),
        await family([{ expiresIn: -40 }, { expiresIn: -20 }, { expiresIn: 0.01 }]),
        await family([{ expiresIn: -0.9 }]),
        await family([{ expiresIn: 5 }], true),
        // From when tokens lived longer: a used one that comes back is still worth a line in the log.
        await family([{ expiresIn: 5 }, { expiresIn: -2 }]),
      ];
      expect(await sweep(100)).toEqual({ families: 3, tokens: 6 });
      expect(await left()).toEqual(kept.map(({ id }) => id).sort());
      expect(await sweep(100)).toEqual({ families: 0, tokens: 0 });
    });

    it('is bounded by the number of families', async () => {
      for (let count = 0; count < 5; count += 1) await family([{ expiresIn: -3 }, { expiresIn: -2 }]);
      expect(await sweep(2)).toEqual({ families: 2, tokens: 4 });
      expect(await left()).toHaveLength(3);
    });

    it('shares the work with another that races with it, and neither waits nor counts twice', async () => {
      for (let round = 0; round < 3; round += 1) {
        for (let count = 0; count < 30; count += 1) await family([{ expiresIn: -3 }, { expiresIn: -2 }]);
        const kept = await family([{ expiresIn: 1 }]);
        let families = 0;
        while ((await left()).length > 1) {
          const swept = await Promise.all([sweep(7), sweep(7), sweep(7)]);
          for (const { families: count } of swept) families += count;
        }
        expect(families).toBe(30);
        expect(await left()).toEqual([kept.id]);
        await pool.query('DELETE FROM users.sessions');
      }
    });

    it('passes over a family that is being refreshed, which then lives', async () => {
      const { id, newest } = await family([{ expiresIn: -3 }, { expiresIn: -2 }]);
      const client = await pool.connect();
      try {
        await client.query('BEGIN');
        // As a refresh does, of a token that was good when it came.
        await client.query('UPDATE users.sessions SET used_at = now() WHERE token_hash = $1', [newest]);
        await client.query(
          `INSERT INTO users.sessions (family_id, user_id, token_hash, expires_at)
           VALUES ($1, $2, $3, now() + interval '30 days')`,
          [id, userId, randomBytes(32)],
        );
        expect(await sweep(100)).toEqual({ families: 0, tokens: 0 });
        await client.query('COMMIT');
      } finally {
        client.release(true);
      }
      expect(await sweep(100)).toEqual({ families: 0, tokens: 0 });
      expect(await left()).toEqual([id]);
    });

    it('never takes a family from refreshes that race with it', async () => {
      const sessions = createSessionStore(pool);
      const life = { ttlDays: 30, maxAgeDays: 90 };
      const use = (tokenHash: Buffer, nextHash: Buffer) => ({ tokenHash, nextHash, keyHash: null });
      for (let round = 0; round < 6; round += 1) {
        const { id, newest } = await family([{ expiresIn: -3 }, { expiresIn: -2 }, { expiresIn: 0.001 }]);
        await family([{ expiresIn: -2 }]);
        const next = randomBytes(32);
        const [, account] = await Promise.all([
          sweep(10),
          sessions.rotate(use(newest, next), life),
          sweep(10),
        ]);
        expect(account).toMatchObject({ id: Number(userId) });
        expect(await left()).toEqual([id]);
        expect(await sessions.rotate(use(next, randomBytes(32)), life)).toMatchObject({ id: Number(userId) });
        await pool.query('DELETE FROM users.sessions');
      }
    });

    it('does not wait for a transaction that ends sessions', async () => {
      const { id } = await family([{ expiresIn: -3 }, { expiresIn: -2 }]);
      const client = await pool.connect();
      try {
        await client.query('BEGIN');
        await client.query('UPDATE users.sessions SET revoked_at = now() WHERE id = $1', [id]);
        expect(await sweep(100)).toEqual({ families: 0, tokens: 0 });
        await client.query('ROLLBACK');
      } finally {
        client.release(true);
      }
      expect(await sweep(100)).toEqual({ families: 1, tokens: 2 });
    });
  });

  describe('the sweeper', () => {
    let swept: TestUsers;
    const { open, login } = callsTo(() => swept);
    beforeAll(async () => {
      swept = await startTestUsers({ SESSION_SWEEP_MS: '100' });
    });
    afterAll(() => swept.stop());

    it('is at work in the service, every SESSION_SWEEP_MS', async () => {
      await open('sleeper');
      await login('sleeper');
      await swept.pool.query("UPDATE users.sessions SET expires_at = now() - interval '2 days'");
      const count = async () => (await swept.pool.query('SELECT FROM users.sessions')).rowCount;
      while ((await count()) !== 0) await new Promise((resolve) => setTimeout(resolve, 20));
    });

    it('does not keep ended access tokens valid while it hangs', async () => {
      await open('hasty');
      const authorization = `Bearer ${(await login('hasty')).accessToken}`;
      const codeOfMe = async () =>
        (await swept.graphql('{ me { id } }', {}, authorization)).errors[0]?.extensions.code;
      const client = await swept.pool.connect();
      try {
        await client.query('BEGIN');
        await client.query('LOCK users.login_tries IN ACCESS EXCLUSIVE MODE');
        while (!(await isAnyWaiting(swept.pool))) await new Promise((resolve) => setTimeout(resolve, 5));
        expect(await codeOfMe()).toBeUndefined();
        await swept.graphql('mutation { logoutEverywhere }', {}, authorization);
        const endedAt = performance.now();
        while ((await codeOfMe()) === undefined) await new Promise((resolve) => setTimeout(resolve, 100));
        expect(performance.now() - endedAt).toBeLessThan(5_000);
        expect(await codeOfMe()).toBe('UNAUTHENTICATED');
      } finally {
        client.release(true);
      }
    });
  });
});
