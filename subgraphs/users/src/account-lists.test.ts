// Lists of accounts: filters, pages, and how much of the table a page reads. And the revocation list, which is one too.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { z } from 'zod';
import { type AccountPageQuery, accountPage } from './data/account-pages.ts';
import { readRevocations } from './data/revocations.ts';
import { startTestUsers, type TestUsers } from './testing.ts';
import { callsTo } from './testing-calls.ts';

const USERS = `query ($first: Int, $after: String, $filter: UserFilter) {
  users(first: $first, after: $after, filter: $filter) {
    edges { node { username } }
    pageInfo { hasNextPage endCursor }
  }
}`;

let users: TestUsers;
let service: pg.Pool;
let bearer: string;
const { open, login } = callsTo(() => users);

/** 20,000 customers, a long row of disabled ones among them, and a few staff. */
beforeAll(async () => {
  users = await startTestUsers();
  service = new pg.Pool({ connectionString: users.databaseUrl, max: 1 });
  const id = await open('Boss');
  await users.pool.query("UPDATE users.users SET role = 'STAFF' WHERE id = $1", [id]);
  bearer = `Bearer ${(await login('Boss')).accessToken}`;
  await users.pool.query(
    `INSERT INTO users.users (username, email, password_hash, role, disabled_at)
     SELECT name, lower(name) || '@example.com', 'none',
            (CASE WHEN n % 2000 = 0 THEN 'STAFF' ELSE 'CUSTOMER' END)::users.role,
            CASE WHEN name LIKE 'bot%' THEN now() END
       FROM (SELECT n, (ARRAY['Ann', 'bot', 'Cleo'])[1 + n / 7000] || '-' || lpad(n::text, 5, '0') AS name
               FROM generate_series(1, 20000) n) AS named
      ORDER BY md5(name)`,
  );
  await users.pool.query('VACUUM ANALYZE users.users');
}, 60_000);
afterAll(async () => {
  await service?.end();
  await users?.stop();
});

const page = async (variables: object) => {
  const { data, errors } = await users.graphql(USERS, variables, bearer);
  expect(errors).toEqual([]);
  return data.users;
};
const namesOf = ({ edges }: { edges: { node: { username: string } }[] }) =>
  edges.map(({ node }) => node.username);

describe('users', () => {
  it('are listed by name without regard to case, page after page, each once', async () => {
    const filter = { namePrefix: 'cLEO-' };
    const seen: string[] = [];
    let after: string | null = null;
    do {
      const { pageInfo, ...found } = await page({ first: 100, after, filter });
      seen.push(...namesOf(found));
      after = pageInfo.hasNextPage ? pageInfo.endCursor : null;
    } while (after !== null);
    const expected = Array.from(
      { length: 6_001 },
      (_, index) => `Cleo-${String(14_000 + index).padStart(5, '0')}`,
    );
    expect(seen).toEqual(expected);
  }, 30_000);

  it.each([
    [{ namePrefix: 'Ann-0000' }, ['Ann-00001', 'Ann-00002', 'Ann-00003']],
    [{ namePrefix: 'boss' }, ['Boss']],
    [{ role: 'STAFF', state: 'DISABLED' }, ['bot-08000', 'bot-10000', 'bot-12000']],
    [{ role: 'STAFF', namePrefix: 'c' }, ['Cleo-14000', 'Cleo-16000', 'Cleo-18000']],
    [{ role: 'CUSTOMER', state: 'DISABLED' }, ['bot-07000', 'bot-07001', 'bot-07002']],
    [{ state: 'ACTIVE', namePrefix: 'bo' }, ['Boss']],
    [{ state: 'DISABLED', namePrefix: 'Cleo' }, []],
    [{ namePrefix: 'nobody_' }, []],
  ])('are found by %j', async (filter, expected) => {
    expect(namesOf(await page({ first: 3, filter }))).toEqual(expected);
  });

  it.each([
    [{ filter: { namePrefix: '' } }, 'namePrefix'],
    [{ filter: { namePrefix: '%' } }, 'namePrefix'],
    [{ filter: { namePrefix: 'a'.repeat(65) } }, 'namePrefix'],
    [{ first: 0 }, 'first'],
    [{ first: 101 }, 'first'],
    [{ after: 'nonsense' }, 'after'],
    [{ after: Buffer.from('["users","\\u0000","1"]').toString('base64url') }, 'after'],
    [{ after: Buffer.from('["orders","1"]').toString('base64url') }, 'after'],
  ])('are refused for %j, naming the argument', async (variables, field) => {
    const { data, errors } = await users.graphql(USERS, variables, bearer);
    expect(data).toEqual({ users: null });
    expect(errors[0]).toMatchObject({
      message: expect.stringContaining(`${field}: `),
      extensions: { code: 'BAD_USER_INPUT' },
    });
  });

  it('are read a page at a time, by every filter', async () => {
    const plan = z.array(
      z.object({
        'QUERY PLAN': z.array(
          z.object({ Plan: z.looseObject({ 'Shared Hit Blocks': z.int(), 'Shared Read Blocks': z.int() }) }),
        ),
      }),
    );
    const prefixes = ['', 'b', 'cleo-1'];
    for (const role of [undefined, 'CUSTOMER', 'STAFF'] as const)
      for (const state of [undefined, 'ACTIVE', 'DISABLED'] as const)
        for (const namePrefix of prefixes)
          for (const after of [undefined, 'bot-07100']) {
            const query: AccountPageQuery = { limit: 101, after, namePrefix, role, state };
            const { selectPage, args } = accountPage(query);
            const { text, values } = selectPage.queryOf(args);
            const { rows } = await service.query(`EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${text}`, values);
            const found = plan.parse(rows)[0]?.['QUERY PLAN'][0]?.Plan;
            const blocks = (found?.['Shared Hit Blocks'] ?? 0) + (found?.['Shared Read Blocks'] ?? 0);
            // The table has some 300 blocks; each of 101 rows may be in another, and its place in the index is a few more.
            expect([query, blocks < 130 || blocks]).toEqual([query, true]);
          }
  });
});

describe('the revocation list', () => {
  it('has the accounts whose tokens ended within their life, those that are disabled first, and no more than its bound', async () => {
    await users.pool.query(`UPDATE users.users SET token_generation = 5, tokens_ended_at = now() - interval '30 seconds'
                             WHERE username LIKE 'bot-070__'`);
    await users.pool.query(`UPDATE users.users SET token_generation = 6, tokens_ended_at = now()
                             WHERE username LIKE 'Ann-000__'`);
    await users.pool.query(`UPDATE users.users SET token_generation = 7, tokens_ended_at = now() - interval '961 seconds'
                             WHERE username LIKE 'Cleo-140__'`);
    const generations = async (max?: number) => [...(await readRevocations(service, 900, max)).values()];
    expect((await generations()).sort()).toEqual([...Array(100).fill(5), ...Array(99).fill(6)]);
    expect(await generations(150)).toEqual([...Array(100).fill(5), ...Array(50).fill(6)]);
  });
});
