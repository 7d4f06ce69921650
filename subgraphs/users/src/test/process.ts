// The service as a process: settings, readiness, PostgreSQL that comes late, a death with a mail under way, a log without secrets,
// and its end.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Server } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createTestDatabase, type TestDatabase } from '@holdfast/database/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { JWK } from 'jose';
import pg from 'pg';
import { readUsersSettings } from '../config.ts';
import { postGraphQL, SECRETS, startInstance } from '../testing.ts';
import { createKey, temporaryFile } from '../testing-keys.ts';
import { startSmtp, type TestSmtp, tokenIn } from '../testing-mail.ts';

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));
const SESSION = '... on Session { accessToken refreshToken } ... on Problem { code }';
const OPERATIONS = `
  mutation Register($input: RegisterInput!) { register(input: $input) { __typename } }
  mutation Login($input: LoginInput!) { login(input: $input) { ${SESSION} } }
  mutation Confirm($token: String!) { confirmLogin(token: $token) { ${SESSION} } }
  mutation Refresh($token: String!) { refreshSession(refreshToken: $token) { ${SESSION} } }
  mutation Forgot($email: String!) { requestPasswordReset(email: $email) }
  mutation Change($input: ChangePasswordInput!) { changePassword(input: $input) { __typename } }`;
const PASSWORD = 'staple battery 42 horse';
const OTHER_PASSWORD = 'paper clip 97 zebra';

interface Service {
  readonly process: ChildProcess;
  /** What it has written so far. */
  readonly log: () => string;
  readonly ended: Promise<number | null>;
  readonly url: string;
  readonly opsUrl: string;
}

/** Starts a process of the service. Resolves when it listens. */
async function start(env: Record<string, string>): Promise<Service> {
  const { NODE_COMPILE_CACHE = '' } = process.env;
  const child = spawn(process.execPath, [MAIN], {
    env: { NODE_COMPILE_CACHE, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  child.stdout.on('data', (chunk: Buffer) => (log += chunk));
  child.stderr.on('data', (chunk: Buffer) => (log += chunk));
  const ended = once(child, 'close').then(([code]) => code);
  for (;;) {
    const line = log.split('\n').find((text) => text.includes('"listening"'));
    if (line !== undefined) {
      const { port, opsPort } = JSON.parse(line);
      const [url, opsUrl] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${opsPort}`];
      return { process: child, log: () => log, ended, url, opsUrl };
    }
    if (child.exitCode !== null) throw new Error(`the service ended: ${log}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const operation = (url: string, name: string, variables: object, authorization?: string) => {
  const own = OPERATIONS.split('\n').find((text) => text.includes(` ${name}(`)) ?? '';
  return postGraphQL(url, own, variables, authorization);
};

/** Listens at `port`, or at a free one. Returns the port. */
async function listen(server: Server, port = 0): Promise<number> {
  await once(server.listen(port, '127.0.0.1'), 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('it does not listen');
  return address.port;
}

const close = (server: Server) => new Promise((resolve) => server.close(resolve));

let database: TestDatabase;
let keys: JWK[];
let file: Awaited<ReturnType<typeof temporaryFile>>;

const settings = () => ({
  PORT: '0',
  OPS_PORT: '0',
  HOST: '127.0.0.1',
  DATABASE_URL: database.urls.users,
  SIGNING_KEYS_FILE: file.path,
  ...SECRETS,
});

describe('the users service', () => {
  beforeAll(async () => {
    database = await createTestDatabase();
    keys = [await createKey()];
    file = await temporaryFile(JSON.stringify({ keys }));
  });
  afterAll(async () => {
    await database.release();
    await file.remove();
  });

  it('says every setting that it lacks', () => {
    const read = () => readUsersSettings({ ACCESS_TOKEN_TTL_S: 'soon' });
    for (const name of ['PORT', 'OPS_PORT', 'DATABASE_URL', 'SIGNING_KEYS_FILE', 'SERVICE_PUBLIC_KEYS'])
      expect(read).toThrow(`${name}: is required`);
    expect(read).toThrow('ACCESS_TOKEN_TTL_S: ');
  });

  it('refuses to look at its keys so seldom that it could sign with one that another instance has not seen', () => {
    expect(() => readUsersSettings({ ...settings(), KEY_LEAD_S: '9', KEYS_POLL_MS: '3001' })).toThrow(
      'KEYS_POLL_MS: expected at most a third of KEY_LEAD_S (9 s), got 3001 ms',
    );
  });

  // The first process is killed while it sends a mail, which the second then sends.
  describe('as a process', () => {
    let first: Service | undefined;
    let second: Service | undefined;
    let smtp: TestSmtp | undefined;
    let isReachable = false;
    /** Connects the first process with PostgreSQL, once that is reachable. */
    const relay = createServer((socket) => {
      if (!isReachable) return void socket.destroy();
      const { hostname, port } = new URL(database.adminUrl);
      const server = connect(Number(port), hostname);
      socket.on('error', () => server.destroy()).pipe(server);
      server.on('error', () => socket.destroy()).pipe(socket);
    });
    /** Accepts connections but never answers, so that a mail is under way for long. */
    const silent = createServer();
    const mailAt = (port: number) => ({
      SMTP_URL: `smtp://127.0.0.1:${port}`,
      MAIL_FROM: 'shop@example.com',
      PUBLIC_URL: 'https://shop.example.com',
      QUEUE_LEASE_MS: '1000',
    });
    let mailPort: number;
    const tokensOfMails: string[] = [];

    afterAll(async () => {
      for (const service of [first, second]) {
        service?.process.kill('SIGKILL');
        await service?.ended;
      }
      await smtp?.close();
      await close(relay);
    });

    it('is alive, not ready and says SERVICE_UNAVAILABLE until PostgreSQL can be reached', async () => {
      const port = await listen(relay);
      mailPort = await listen(silent);
      const url = new URL(database.urls.users);
      url.port = String(port);
      first = await start({ ...settings(), ...mailAt(mailPort), DATABASE_URL: url.href });
      const { opsUrl, log } = first;
      expect((await fetch(`${opsUrl}/livez`)).status).toBe(200);
      const ready = await fetch(`${opsUrl}/readyz`);
      expect(ready.status).toBe(503);
      expect(await ready.json()).toEqual({ status: 'not ready', failing: ['database', 'queue'] });

      const input = { username: 'Ada', password: PASSWORD };
      const replies = await Promise.all([
        operation(first.url, 'Register', { input: { ...input, email: 'ada@example.com' } }),
        operation(first.url, 'Login', { input }),
        operation(first.url, 'Refresh', { token: 'A'.repeat(43) }),
      ]);
      expect(replies.map(({ errors }) => errors.map(({ extensions }) => extensions.code))).toEqual(
        Array(3).fill(['SERVICE_UNAVAILABLE']),
      );
      isReachable = true;
      while ((await fetch(`${opsUrl}/readyz`)).status !== 200)
        await new Promise((resolve) => setTimeout(resolve, 50));
      expect(log()).toContain('SERVICE_UNAVAILABLE');
      for (const secret of ['$argon2', PASSWORD, url.password]) expect(log()).not.toContain(secret);
    });

    it('loses no mail when it is killed between the commit and the sending', async () => {
      if (first === undefined) throw new Error('there is no first process');
      const connected = once(silent, 'connection');
      const input = { username: 'Killed', email: 'killed@example.com', password: PASSWORD };
      expect((await operation(first.url, 'Register', { input })).data.register.__typename).toBe('User');
      const [socket] = await connected;
      first.process.kill('SIGKILL');
      await first.ended;
      socket.destroy();
      await close(silent);

      smtp = await startSmtp(mailPort);
      second = await start({ ...settings(), ...mailAt(mailPort) });
      tokensOfMails.push(tokenIn(await smtp.mailTo('killed@example.com')));
      expect((await fetch(`${second.opsUrl}/readyz`)).status).toBe(200);
      const metrics = async () => (await fetch(`${second?.opsUrl}/metrics`)).text();
      while (!(await metrics()).includes('mails_total{outcome="sent"} 1'))
        await new Promise((resolve) => setTimeout(resolve, 20));
      expect(smtp.received).toHaveLength(1);
    });

    it('logs one JSON line a request, a line for a stolen token, and no secret', async () => {
      if (second === undefined || smtp === undefined) throw new Error('there is no second process');
      const { url, opsUrl } = second;
      const input = { username: 'Ada', password: PASSWORD };
      await operation(url, 'Register', { input: { ...input, email: 'ada@example.com' } });
      tokensOfMails.push(tokenIn(await smtp.mailTo('ada@example.com')));
      await operation(url, 'Register', { input: { ...input, email: 'secretive' } });
      const session = (await operation(url, 'Login', { input })).data.login;
      await operation(url, 'Login', { input: { ...input, password: 'wrong secret here' } });
      await operation(url, 'Confirm', { token: 'A'.repeat(43) });
      expect(await (await fetch(`${opsUrl}/metrics`)).text()).toContain(
        'logins_total{outcome="bad_credentials"} 2\n',
      );
      const bearer = `Bearer ${session.accessToken}`;
      const refresh = async (token: string) =>
        (await operation(url, 'Refresh', { token }, bearer)).data.refreshSession;
      const refreshed = await refresh(session.refreshToken);
      await refresh(refreshed.refreshToken);
      expect(await refresh(session.refreshToken)).toEqual({ code: 'INVALID_CREDENTIALS' });
      const change = async (currentPassword: string, newPassword: string) => {
        const changed = { currentPassword, newPassword, refreshToken: refreshed.refreshToken };
        return (await operation(url, 'Change', { input: changed }, bearer)).data.changePassword.__typename;
      };
      expect(await change('wrong secret here', OTHER_PASSWORD)).toBe('InvalidCredentials');
      expect(await change(PASSWORD, 'weak secret')).toBe('InvalidInput');
      expect(await change(PASSWORD, OTHER_PASSWORD)).toBe('PasswordChanged');
      // Variables of the wrong type are quoted by graphql-js.
      await operation(
        url,
        'Change',
        { input: { currentPassword: [PASSWORD], newPassword: PASSWORD } },
        bearer,
      );
      await operation(url, 'Login', { input: { ...input, password: [PASSWORD] } });

      second.process.kill('SIGTERM');
      expect(await second.ended).toBe(0);
      const lines = second
        .log()
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      expect(lines.filter(({ msg }) => msg === 'request')).toHaveLength(13);
      expect(lines).toContainEqual(
        expect.objectContaining({
          service: 'users',
          msg: 'request',
          operation: 'Login',
          status: 200,
          ms: expect.any(Number),
        }),
      );
      const hashes = await readHashes();
      expect(hashes).toHaveLength(5);
      const ada = `user ${hashes[0]?.id}`;
      const logins = lines.filter(({ event }) => String(event).startsWith('login.'));
      expect(logins.map(({ event, actor, subject, details: { by } }) => [event, actor, subject, by])).toEqual(
        [
          ['login.ok', ada, ada, 'stranger'],
          ['login.failed', 'anonymous', ada, 'stranger'],
          ['login.failed', 'anonymous', undefined, 'link'],
        ],
      );
      expect(lines).toContainEqual(
        expect.objectContaining({
          event: 'refresh.reused',
          actor: 'anonymous',
          subject: ada,
          requestId: expect.any(String),
          details: { family: expect.any(Number) },
        }),
      );
      const secrets = [
        PASSWORD,
        OTHER_PASSWORD,
        'wrong secret',
        'weak secret',
        session.accessToken,
        session.refreshToken,
        refreshed.accessToken,
        refreshed.refreshToken,
        ...tokensOfMails,
        ...hashes.map(({ hash }) => hash),
        SECRETS.SESSION_SECRET,
        keys[0]?.d,
      ];
      for (const service of [first, second])
        for (const secret of secrets) expect(service?.log()).not.toContain(secret);
    });

    /** The hashes of passwords and of refresh tokens, Ada's password first. */
    async function readHashes(): Promise<{ id: number | null; hash: string }[]> {
      const client = new pg.Client(database.adminUrl);
      await client.connect();
      const { rows } = await client.query(
        `SELECT id, password_hash AS hash FROM users.users
         UNION ALL SELECT NULL, encode(token_hash, 'hex') FROM users.sessions ORDER BY id DESC NULLS LAST`,
      );
      await client.end();
      return rows;
    }
  });

  it('shows mails at /outbox on an address of this machine alone', async () => {
    const mail = { MAIL_OUTBOX_DIR: join(dirname(file.path), 'outbox'), PUBLIC_URL: 'http://localhost:4000' };
    expect(() => readUsersSettings({ ...settings(), ...mail, HOST: '0.0.0.0' })).toThrow(
      'so HOST must be 127.0.0.1, got 0.0.0.0',
    );

    const { url, close } = await startInstance({ ...settings(), ...mail });
    const client = new pg.Client(database.adminUrl);
    await client.connect();
    const email = "o'neill&sons@example.com";
    await client.query(
      "INSERT INTO users.users (username, email, password_hash) VALUES ('Local', $1, 'none')",
      [email],
    );
    await client.end();
    expect((await operation(url, 'Forgot', { email })).data).toEqual({ requestPasswordReset: true });
    for (;;) {
      const page = await (await fetch(`${url}/outbox`)).text();
      if (!page.includes('Hello Local')) continue;
      expect(page).toContain('to o&#39;neill&amp;sons@example.com');
      expect(page).toMatch(/<a href="http:\/\/localhost:4000\/account\/reset-password#token=[\w-]{43}">/);
      break;
    }
    await close();
  });
});
