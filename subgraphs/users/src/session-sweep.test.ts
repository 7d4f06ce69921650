// Old sessions are deleted, all of them, and no others: also by two at once, and beside a refresh.
import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { createSessionSweep, type SweepSessions } from './data/session-sweep.ts';
import { createSessionStore } from './data/sessions.ts';
import { startTestUsers, type TestUsers } from './testing.ts';
import { callsTo } from './testing-calls.ts';

let users: TestUsers;
let userId: string;
let pool: pg.Pool;
let sweep: SweepSessions;
beforeAll(async () => {
  users = await startTestUsers();
  userId = await callsTo(() => users).open('sleeper');
  pool = new pg.Pool({ connectionString: users.databaseUrl, max: 8, statement_timeout: 5_000 });
  sweep = createSessionSweep(pool);
});
afterEach(() => pool.query('DELETE FROM users.sessions'));
afterAll(async () => {
  await pool.end();
  await users.stop();
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
    for (let round = 0; round < 5; round += 1) {
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
    for (let round = 0; round < 20; round += 1) {
      const { id, newest } = await family([{ expiresIn: -3 }, { expiresIn: -2 }, { expiresIn: 0.001 }]);
      await family([{ expiresIn: -2 }]);
      const next = randomBytes(32);
      const [, account] = await Promise.all([sweep(10), sessions.rotate(use(newest, next), life), sweep(10)]);
      expect(account).toMatchObject({ id: Number(userId) });
      expect(await left()).toEqual([id]);
      expect(await sessions.rotate(use(next, randomBytes(32)), life)).toMatchObject({ id: Number(userId) });
      await pool.query('DELETE FROM users.sessions');
    }
  });

  it('waits for nobody who ends sessions', async () => {
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
  it('is at work in the service, every SESSION_SWEEP_MS', async () => {
    const sweeping = await startTestUsers({ SESSION_SWEEP_MS: '100' });
    try {
      const calls = callsTo(() => sweeping);
      await calls.open('sleeper');
      await calls.login('sleeper');
      await sweeping.pool.query("UPDATE users.sessions SET expires_at = now() - interval '2 days'");
      const count = async () => (await sweeping.pool.query('SELECT FROM users.sessions')).rowCount;
      while ((await count()) !== 0) await new Promise((resolve) => setTimeout(resolve, 20));
    } finally {
      await sweeping.stop();
    }
  });
});
