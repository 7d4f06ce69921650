// Mails and what their links do, over HTTP, against PostgreSQL, and with a real SMTP server.

import { createLogger } from '@holdfast/platform/observability/log';
import { createPool } from '@holdfast/platform/postgres/database';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type pg from 'pg';
import { createEmailTokenStore, type EmailTokenStore } from '../data/email-tokens.ts';
import { createEmailTokens } from '../domain/email-tokens.ts';
import { SECRETS, startTestUsers, type TestUsers } from '../testing.ts';
import {
  callsTo,
  kindOf,
  meanwhile,
  NEXT_PASSWORD as NEXT,
  PASSWORD,
  type Session,
} from '../testing-calls.ts';
import { startSmtp, type TestSmtp, tokenIn } from '../testing-mail.ts';
import { users as silent } from './shared.ts';

describe('mails', () => {
  let smtp: TestSmtp;
  let users: TestUsers;
  beforeAll(async () => {
    smtp = await startSmtp();
    users = await startTestUsers({
      SMTP_URL: smtp.url,
      MAIL_FROM: 'The Shop <shop@example.com>',
      PUBLIC_URL: 'https://shop.example.com/',
    });
  });
  afterAll(async () => {
    await users.stop();
    await smtp.close();
  });

  const calls = callsTo(() => users);
  const PROBLEM = '... on Problem { code message }';
  /** The shape is the query's. */
  const ask = async (query: string, variables: object = {}, session?: Session) => {
    const reply = await users.graphql(query, variables, session && `Bearer ${session.accessToken}`);
    const [field = ''] = Object.keys(reply.data ?? {});
    return reply.data?.[field];
  };

  const forgot = async (email: string) =>
    (await users.graphql('mutation ($email: String!) { requestPasswordReset(email: $email) }', { email }))
      .data.requestPasswordReset;
  const reset = (token: string, newPassword: string = NEXT) =>
    ask(
      `mutation ($input: ResetPasswordInput!) { resetPassword(input: $input) {
       __typename ... on PasswordChanged { user { username emailVerified } } ${PROBLEM} } }`,
      { input: { token, newPassword } },
    );
  const verify = (token: string) =>
    ask(
      `mutation ($token: String!) { verifyEmail(token: $token) {
       __typename ... on EmailVerified { user { email emailVerified } } ${PROBLEM} } }`,
      { token },
    );
  const changeEmail = (session: Session, newEmail: string, currentPassword: string = PASSWORD) =>
    ask(
      `mutation ($input: ChangeEmailInput!) { changeEmail(input: $input) {
       __typename ... on EmailChangeRequested { newEmail } ${PROBLEM} } }`,
      { input: { newEmail, currentPassword } },
      session,
    );
  const confirm = (token: string) =>
    ask(
      'mutation ($token: String!) { confirmLogin(token: $token) { __typename ... on Session { accessToken refreshToken } } }',
      { token },
    );

  let accounts = 0;
  let name: string;
  let address: string;
  let id: string;
  beforeEach(async () => {
    accounts += 1;
    name = `reader-${accounts}`;
    address = `${name}@example.com`;
    id = await calls.open(name);
  });

  /** Opens an account as a client does, which sends a mail to its address. */
  async function register(username: string): Promise<void> {
    const input = { username, email: `${username}@example.com`, password: PASSWORD };
    await ask('mutation ($input: RegisterInput!) { register(input: $input) { __typename } }', { input });
  }

  /** Mails a link to the account, and gives the token of it. */
  async function mailLink(purpose: 'VERIFY_EMAIL' | 'CONFIRM_LOGIN'): Promise<string> {
    const before = smtp.received.filter(({ to }) => to === address).length;
    const sown = createEmailTokens([SECRETS.SESSION_SECRET]).sow();
    await createEmailTokenStore(users.pool).make({ userId: Number(id), purpose }, sown);
    return tokenIn(await smtp.mailTo(address, before));
  }

  /** Asks for a reset, and gives the token of its mail. */
  async function resetToken(): Promise<string> {
    const before = smtp.received.filter(({ to }) => to === address).length;
    expect(await forgot(address)).toBe(true);
    return tokenIn(await smtp.mailTo(address, before));
  }

  const set = (column: string) =>
    users.pool.query(`UPDATE users.email_tokens SET ${column} WHERE user_id = $1`, [id]);

  describe('the mail of a registration', () => {
    let verification: string;
    beforeEach(async () => {
      name = `new-${name}`;
      address = `${name}@example.com`;
      await register(name);
      verification = tokenIn(await smtp.mailTo(address));
    });

    it('says who sends it, to whom, and where to click', async () => {
      const { raw } = await smtp.mailTo(address);
      expect(raw).toContain('From: The Shop <shop@example.com>\r\n');
      expect(raw).toContain(`To: ${address}\r\n`);
      expect(raw).toContain('Subject: Please verify your e-mail address\r\n');
      expect(raw).toMatch(/Message-ID: <\d+@example.com>\r\n/);
      expect(raw).toContain(`Hello ${name},`);
      expect(raw).toContain(`https://shop.example.com/account/verify-email#token=${verification}\r\n`);
    });

    it('verifies the address, once', async () => {
      expect(await verify(verification)).toMatchObject({
        __typename: 'EmailVerified',
        user: { email: address, emailVerified: true },
      });
      expect(await verify(verification)).toMatchObject({ __typename: 'InvalidCredentials' });
    });

    it('is not sent again once the address is verified, and before that at most 5 times an hour', async () => {
      const again = 'mutation { requestEmailVerification }';
      const session = await calls.login(name);
      const request = async () => await users.graphql(again, {}, `Bearer ${session.accessToken}`);
      for (let sent = 2; sent <= 5; sent += 1)
        expect((await request()).data).toEqual({ requestEmailVerification: true });
      expect((await request()).errors[0]?.extensions.code).toBe('RATE_LIMITED');
      // A mail is left out when the next token was made before it could be sent.
      await noJobs();
      const newest = tokenIn(await smtp.mailTo(address));
      expect(await kindOf(verify(newest))).toBe('EmailVerified');
      expect((await request()).data).toEqual({ requestEmailVerification: false });
    });
  });

  describe('a password that was forgotten', () => {
    it('is replaced by the link, which ends every session and verifies the address', async () => {
      const session = await calls.login(name);
      expect(await reset(await resetToken())).toMatchObject({
        __typename: 'PasswordChanged',
        user: { username: name, emailVerified: true },
      });
      expect(await kindOf(calls.login(name, NEXT))).toBe('Session');
      expect(await kindOf(calls.login(name, PASSWORD))).toBe('InvalidCredentials');
      expect(await kindOf(calls.refresh(session.refreshToken))).toBe('InvalidCredentials');
    });

    it('is replaced by one of five who race with the same link', async () => {
      const token = await resetToken();
      const kinds = await Promise.all(
        Array.from({ length: 5 }, (_, racer) => kindOf(reset(token, `${NEXT} of racer ${racer}`))),
      );
      expect(kinds.sort()).toEqual([...Array(4).fill('InvalidCredentials'), 'PasswordChanged']);
    });

    it.each([
      ['that has expired', () => set("expires_at = now() - interval '1 second'")],
      ['when a newer one was asked for', () => resetToken()],
      [
        'when the password was changed meanwhile',
        async () => calls.change(await calls.login(name), { newPassword: `${NEXT}!` }),
      ],
    ])('is not replaced by a link %s', async (_, happens) => {
      const token = await resetToken();
      await happens();
      expect(await kindOf(reset(token, `${NEXT}?`))).toBe('InvalidCredentials');
    });

    it('is not replaced by one that breaks a rule, and the link stays good', async () => {
      const token = await resetToken();
      expect(await kindOf(reset(token, 'zq7'))).toBe('InvalidInput');
      expect(await kindOf(reset(token, NEXT))).toBe('PasswordChanged');
    });

    it('is not replaced by a link of another kind', async () => {
      expect(await kindOf(reset(await mailLink('VERIFY_EMAIL')))).toBe('InvalidCredentials');
      expect(await kindOf(confirm(await resetToken()))).toBe('InvalidCredentials');
    });

    it('gets at most 5 mails an hour, from any caller and however fast', async () => {
      await Promise.all(Array.from({ length: 12 }, () => forgot(address)));
      await noJobs();
      const { rows } = await users.pool.query(
        "SELECT made_in_window AS made FROM users.email_tokens WHERE user_id = $1 AND purpose = 'RESET_PASSWORD'",
        [id],
      );
      expect(rows).toEqual([{ made: 5 }]);
      expect(smtp.received.filter(({ to }) => to === address).length).toBeLessThanOrEqual(1 + 5);
    });

    it('gets no other answer where there is no account, and no mail goes there', async () => {
      expect(await forgot('who-is-this@example.com')).toBe(true);
      await noJobs();
      expect(smtp.received.filter(({ to }) => to === 'who-is-this@example.com')).toEqual([]);
    });

    it('gets its answer after the same statements, and as quickly, whether there is an account', async () => {
      const msOf = async (email: string): Promise<number> => {
        // The job of the one must not be what the other waits for.
        await noJobs();
        const startedAt = performance.now();
        await forgot(email);
        return performance.now() - startedAt;
      };
      // Pair by pair, because what else the machine does changes from one moment to the next.
      const ratios: number[] = [];
      for (let round = 0; round < 15; round += 1)
        ratios.push((await msOf(address)) / (await msOf(`stranger-${round}@example.com`)));
      const [median = 0] = ratios.sort((a, b) => a - b).slice(7);
      // An answer that waited for the mail would take many times as long.
      expect(median).toBeGreaterThan(0.5);
      expect(median).toBeLessThan(2);
    });

    it('is refused for a text that is not an address', async () => {
      const { errors } = await users.graphql('mutation { requestPasswordReset(email: "nobody") }');
      expect(errors[0]?.extensions.code).toBe('BAD_USER_INPUT');
    });
  });

  /** Does what staff may do to the account. */
  async function staffDo(mutation: string): Promise<void> {
    const boss = `boss-of-${name}`;
    await users.pool.query("UPDATE users.users SET role = 'STAFF' WHERE id = $1", [await calls.open(boss)]);
    expect(
      await ask(
        `mutation ($id: ID!) { ${mutation} { __typename ... on User { id } } }`,
        { id },
        await calls.login(boss),
      ),
    ).toEqual({ __typename: 'User', id });
  }

  async function noJobs(): Promise<void> {
    for (;;) {
      const { rowCount } = await users.pool.query('SELECT 1 FROM graphile_worker.jobs LIMIT 1');
      if (rowCount === 0) return;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  describe('another address', () => {
    it("becomes the account's when its link is opened, and the old address gets a mail about it", async () => {
      const session = await calls.login(name);
      const next = `next-${address}`;
      const forgotten = await resetToken();
      const verification = await mailLink('VERIFY_EMAIL');
      expect(await changeEmail(session, next.toUpperCase())).toMatchObject({ newEmail: next });
      const token = tokenIn(await smtp.mailTo(next));
      expect(await kindOf(calls.login(address))).toBe('Session');
      const before = smtp.received.filter(({ to }) => to === address).length;
      expect(await verify(token)).toMatchObject({ user: { email: next, emailVerified: true } });
      expect((await smtp.mailTo(address, before)).raw).toContain('Your account has another e-mail address');
      expect(await kindOf(calls.login(address))).toBe('InvalidCredentials');
      expect(await kindOf(calls.login(next))).toBe('Session');
      // The link that was mailed to the old address is no longer valid.
      expect(await kindOf(reset(forgotten))).toBe('InvalidCredentials');
      expect(await kindOf(verify(verification))).toBe('InvalidCredentials');
    });

    it('is not to be had without the password', async () => {
      const session = await calls.login(name);
      expect(await kindOf(changeEmail(session, `next-${address}`, NEXT))).toBe('InvalidCredentials');
      expect(await kindOf(changeEmail(session, 'nobody'))).toBe('InvalidInput');
      const { errors } = await users.graphql(
        'mutation { changeEmail(input: { newEmail: "a@example.com", currentPassword: "x" }) { __typename } }',
      );
      expect(errors[0]?.extensions.code).toBe('UNAUTHENTICATED');
    });

    it("is one account's when two race for it, and a link that lost stays unused", async () => {
      const next = `both-${address}`;
      const names = [name, `second-${name}`];
      await calls.open(`second-${name}`);
      const tokens: string[] = [];
      for (const each of names) {
        const before = smtp.received.filter(({ to }) => to === next).length;
        await changeEmail(await calls.login(each), next);
        tokens.push(tokenIn(await smtp.mailTo(next, before)));
      }
      const kinds = await Promise.all(tokens.map((token) => kindOf(verify(token))));
      expect(kinds.sort()).toEqual(['EmailTaken', 'EmailVerified']);
      const { rows } = await users.pool.query('SELECT count(*)::int AS n FROM users.users WHERE email = $1', [
        next,
      ]);
      expect(rows).toEqual([{ n: 1 }]);
    });

    it("does not become the account's when the password was changed after the request", async () => {
      const session = await calls.login(name);
      await changeEmail(session, `next-${address}`);
      const token = tokenIn(await smtp.mailTo(`next-${address}`));
      await calls.change(session);
      expect(await kindOf(verify(token))).toBe('InvalidCredentials');
    });
  });

  describe('a link that is made while', () => {
    /** Over a connection of its own: those of `users.pool` are for the change, and for who watches. */
    let store: EmailTokenStore;
    let pool: pg.Pool;
    beforeAll(() => {
      const log = createLogger('users', 'silent');
      pool = createPool({ url: users.databaseUrl, max: 1, applicationName: 'race', log });
      store = createEmailTokenStore(pool);
    });
    afterAll(() => pool.end());

    const live = async () =>
      (
        await users.pool.query(
          'SELECT purpose FROM users.email_tokens WHERE user_id = $1 AND used_at IS NULL ORDER BY purpose',
          [id],
        )
      ).rows.map(({ purpose }) => purpose);
    /** A change of the account that ends its links, as the services make it. */
    const changes = (column: string) => async (client: pg.PoolClient) => {
      await client.query(`UPDATE users.users SET ${column} WHERE id = $1`, [id]);
      await client.query('UPDATE users.email_tokens SET used_at = now() WHERE user_id = $1', [id]);
    };

    it('the password is changed waits for that, and is not made with the old one', async () => {
      const session = await calls.login(name);
      const outcome = await meanwhile(users.pool, changes("password_hash = 'another'"), () =>
        kindOf(changeEmail(session, `thief-${address}`)),
      );
      expect(outcome).toBe('InvalidCredentials');
      expect(await live()).toEqual([]);
    });

    it.each([
      ['was mailed to the old address before', resetToken],
      ['was not', async () => undefined],
    ])('the address is changed is not mailed to the old one: when one %s', async (_, before) => {
      await before();
      await meanwhile(users.pool, changes("email = 'next-' || email"), () =>
        store.makeReset(address, createEmailTokens([SECRETS.SESSION_SECRET]).sow()),
      );
      expect(await live()).toEqual([]);
    });

    it('the address is changed goes to the new one when it is to verify it', async () => {
      const making = await meanwhile(users.pool, changes("email = 'next-' || email"), () =>
        store.make(
          { userId: Number(id), purpose: 'VERIFY_EMAIL' },
          createEmailTokens([SECRETS.SESSION_SECRET]).sow(),
        ),
      );
      expect(making).toBe('mailed');
      expect(await kindOf(verify(tokenIn(await smtp.mailTo(`next-${address}`))))).toBe('EmailVerified');
    });
  });

  describe('the links of an account', () => {
    const END_ALL = 'mutation { logoutEverywhere }';

    it.each([
      ['it is disabled', () => staffDo('disableAccount(userId: $id, expectedVersion: 1, reason: "stolen")')],
      ['staff end its sessions', () => staffDo('endSessions(userId: $id, reason: "stolen")')],
      [
        'it logs out everywhere',
        async () => users.graphql(END_ALL, {}, `Bearer ${(await calls.login(name)).accessToken}`),
      ],
    ])('end when %s: one of a thief is good for nothing afterwards', async (_, happens) => {
      await changeEmail(await calls.login(name), `thief-${address}`);
      const stolen = tokenIn(await smtp.mailTo(`thief-${address}`));
      const forgotten = await resetToken();
      await happens();
      // What has ended stays so.
      await users.pool.query('UPDATE users.users SET disabled_at = NULL WHERE id = $1', [id]);
      expect(await kindOf(verify(stolen))).toBe('InvalidCredentials');
      expect(await kindOf(reset(forgotten))).toBe('InvalidCredentials');
      expect(await kindOf(calls.login(address))).toBe('Session');
    });

    it('do not change a disabled account, and end when it is enabled', async () => {
      const session = await calls.login(name);
      await users.pool.query('UPDATE users.users SET disabled_at = now() WHERE id = $1', [id]);
      expect(await kindOf(verify(await mailLink('VERIFY_EMAIL')))).toBe('InvalidCredentials');
      expect(await kindOf(reset(await resetToken()))).toBe('InvalidCredentials');
      await changeEmail(session, `thief-${address}`);
      const stolen = tokenIn(await smtp.mailTo(`thief-${address}`));
      await staffDo('enableAccount(userId: $id, expectedVersion: 1, reason: "a mistake")');
      expect(await kindOf(verify(stolen))).toBe('InvalidCredentials');
      expect(await kindOf(calls.login(address))).toBe('Session');
    });
  });

  describe('a login link', () => {
    it('opens one session, for one of ten who race', async () => {
      const token = await mailLink('CONFIRM_LOGIN');
      const sessions = await Promise.all(Array.from({ length: 10 }, () => confirm(token)));
      const opened = sessions.filter(({ __typename }) => __typename === 'Session');
      expect(opened).toHaveLength(1);
      expect(await kindOf(calls.refresh(opened[0].refreshToken))).toBe('Session');
    });

    it('opens none after 15 minutes', async () => {
      const token = await mailLink('CONFIRM_LOGIN');
      const { rows } = await users.pool.query(
        "SELECT expires_at - now() < interval '15 minutes' AS soon FROM users.email_tokens WHERE user_id = $1 AND purpose = 'CONFIRM_LOGIN'",
        [id],
      );
      expect(rows).toEqual([{ soon: true }]);
      await set('expires_at = now()');
      expect(await kindOf(confirm(token))).toBe('InvalidCredentials');
    });
  });

  describe('a mail', () => {
    it('to an address that the server refuses for good is given up', async () => {
      await users.pool.query("UPDATE users.users SET email = 'unknown-mailbox@example.com' WHERE id = $1", [
        id,
      ]);
      await forgot('unknown-mailbox@example.com');
      await noJobs();
      expect(smtp.received.filter(({ to }) => to.startsWith('unknown-mailbox'))).toEqual([]);
      await users.pool.query('UPDATE users.users SET email = $2 WHERE id = $1', [id, address]);
    });

    it('says no words of who adds its job: any service can add one', async () => {
      const add = (userId: number) =>
        users.pool.query("SELECT graphile_worker.add_job('send-mail', $1)", [
          {
            mail: 'email-changed',
            userId,
            to: address,
            username: 'Dear customer, pay at https://evil.example',
          },
        ]);
      const before = smtp.received.length;
      await add(2_147_483_647);
      await add(Number(id));
      await noJobs();
      const mails = smtp.received.slice(before).map(({ raw }) => raw);
      expect(mails).toEqual([expect.stringContaining(`Hello ${name},`)]);
      expect(mails[0]).not.toContain('evil.example');
    });

    it('waits for a server that is down; the database has no usable token meanwhile', async () => {
      const { port } = smtp;
      await smtp.close();
      const names = [1, 2, 3].map((n) => `waiting-${n}-${name}`);
      for (const each of names) await register(each);
      const attempts = async () =>
        (
          await users.pool.query(
            'SELECT min(attempts) AS tries, count(*)::int AS jobs FROM graphile_worker.jobs',
          )
        ).rows[0];
      while ((await attempts()).tries < 1) await new Promise((resolve) => setTimeout(resolve, 20));
      expect((await attempts()).jobs).toBe(3);
      const { rows } = await users.pool.query(
        `SELECT (SELECT json_agg(j) FROM graphile_worker._private_jobs j)::text || (SELECT json_agg(t) FROM users.email_tokens t)::text AS all`,
      );
      smtp = await startSmtp(port);
      for (const each of names) {
        const token = tokenIn(await smtp.mailTo(`${each}@example.com`));
        expect(rows[0].all).not.toContain(token);
        expect(await kindOf(verify(token))).toBe('EmailVerified');
      }
    });
  });

  describe('a service that sends no mail', () => {
    it('says SERVICE_UNAVAILABLE to what needs mail, and adds no job', async () => {
      const { open, login } = callsTo(() => silent);
      await open('quiet');
      const session = await login('quiet');
      for (const query of [
        'mutation { requestPasswordReset(email: "quiet@example.com") }',
        'mutation { requestEmailVerification }',
        'mutation { changeEmail(input: { newEmail: "loud@example.com", currentPassword: "x" }) { __typename } }',
      ]) {
        const { errors } = await silent.graphql(query, {}, `Bearer ${session.accessToken}`);
        expect(errors[0]?.extensions.code).toBe('SERVICE_UNAVAILABLE');
      }
      expect((await silent.pool.query('SELECT 1 FROM graphile_worker.jobs')).rowCount).toBe(0);
    });
  });
});
