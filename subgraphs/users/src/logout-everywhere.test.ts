// Ending every session of an account, also while it is being logged in to and refreshed.
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestUsers, type TestUsers } from './testing.ts';
import { callsTo, kindOf, meanwhile, type Session, somebodyWaits } from './testing-calls.ts';

let users: TestUsers;
beforeAll(async () => {
  users = await startTestUsers();
});
afterAll(() => users.stop());

const { open, login, refresh } = callsTo(() => users);
const everywhere = (session?: Session) =>
  users.graphql('mutation { logoutEverywhere }', {}, session && `Bearer ${session.accessToken}`);

describe('logoutEverywhere', () => {
  it('is refused to whoever is not signed in', async () => {
    const { data, errors } = await everywhere();
    expect([data, errors.map(({ extensions }) => extensions.code)]).toEqual([
      { logoutEverywhere: null },
      ['UNAUTHENTICATED'],
    ]);
  });

  it('ends every session of the caller, refreshed ones too, and nobody else’s', async () => {
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
      (client) =>
        client.query(
          `WITH owner AS (SELECT id FROM users.users WHERE id = $1 FOR SHARE),
                family AS (SELECT nextval('users.sessions_id_seq') AS id)
           INSERT INTO users.sessions (id, family_id, user_id, token_hash, expires_at)
           SELECT family.id, family.id, owner.id, $2, now() + interval '1 day' FROM owner, family`,
          [id, createHash('sha256').update(token).digest()],
        ),
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
      while (!(await somebodyWaits(users.pool))) await new Promise((resolve) => setTimeout(resolve, 5));
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

  it('leaves no session that a refresh which races with it could keep alive, and locks nobody up', async () => {
    for (let round = 0; round < 10; round += 1) {
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

it('ends access tokens also while a sweep hangs', async () => {
  const swept = await startTestUsers({ SESSION_SWEEP_MS: '100' });
  const client = await swept.pool.connect();
  try {
    const caller = callsTo(() => swept);
    await caller.open('hasty');
    const authorization = `Bearer ${(await caller.login('hasty')).accessToken}`;
    const codeOfMe = async () =>
      (await swept.graphql('{ me { id } }', {}, authorization)).errors[0]?.extensions.code;
    await client.query('BEGIN');
    await client.query('LOCK users.login_tries IN ACCESS EXCLUSIVE MODE');
    while (!(await somebodyWaits(swept.pool))) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await codeOfMe()).toBeUndefined();
    await swept.graphql('mutation { logoutEverywhere }', {}, authorization);
    const endedAt = performance.now();
    while ((await codeOfMe()) === undefined) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(performance.now() - endedAt).toBeLessThan(5_000);
    expect(await codeOfMe()).toBe('UNAUTHENTICATED');
  } finally {
    client.release(true);
    await swept.stop();
  }
});
