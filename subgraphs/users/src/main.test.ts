// The service as a process: settings, readiness, a log without secrets, PostgreSQL gone, and its end.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createTestDatabase, type TestDatabase } from '@holdfast/database/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { JWK } from 'jose';
import pg from 'pg';
import { readUsersSettings } from './config.ts';
import { createKey, postGraphQL, SECRETS, startInstance, temporaryFile } from './testing.ts';
import { startSmtp, tokenIn } from './testing-mail.ts';

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));
const SESSION = '... on Session { accessToken refreshToken } ... on Problem { code }';
const OPERATIONS = `
  mutation Register($input: RegisterInput!) { register(input: $input) { __typename } }
  mutation Login($input: LoginInput!) { login(input: $input) { ${SESSION} } }
  mutation Confirm($token: String!) { confirmLogin(token: $token) { ${SESSION} } }
  mutation Refresh($token: String!) { refreshSession(refreshToken: $token) { ${SESSION} } }
  mutation Change($input: ChangePasswordInput!) { changePassword(input: $input) { __typename } }`;
const PASSWORD = 'staple battery 42 horse';
const OTHER_PASSWORD = 'paper clip 97 zebra';

let database: TestDatabase;
let keys: JWK[];
let file: Awaited<ReturnType<typeof temporaryFile>>;
beforeAll(async () => {
  database = await createTestDatabase();
  keys = [await createKey()];
  file = await temporaryFile(JSON.stringify({ keys }));
});
afterAll(async () => {
  await database.release();
  await file.remove();
});

const started: Service[] = [];
afterEach(async () => {
  for (const service of started.splice(0)) {
    service.process.kill('SIGKILL');
    await service.ended;
  }
});

interface Service {
  readonly process: ChildProcess;
  /** What it has written so far. */
  readonly log: () => string;
  readonly ended: Promise<number | null>;
}

function start(env: Record<string, string>): Service {
  const { NODE_COMPILE_CACHE = '' } = process.env;
  const child = spawn(process.execPath, [MAIN], {
    env: { NODE_COMPILE_CACHE, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let written = '';
  child.stdout.on('data', (chunk: Buffer) => (written += chunk));
  child.stderr.on('data', (chunk: Buffer) => (written += chunk));
  const service = { process: child, log: () => written, ended: once(child, 'close').then(([code]) => code) };
  started.push(service);
  return service;
}

const settings = () => ({
  PORT: '0',
  OPS_PORT: '0',
  HOST: '127.0.0.1',
  DATABASE_URL: database.urls.users,
  SIGNING_KEYS_FILE: file.path,
  ...SECRETS,
});

async function listening({ log, process: child }: Service): Promise<{ url: string; opsUrl: string }> {
  for (;;) {
    const line = log()
      .split('\n')
      .find((text) => text.includes('"listening"'));
    if (line !== undefined) {
      const { port, opsPort } = JSON.parse(line);
      return { url: `http://127.0.0.1:${port}`, opsUrl: `http://127.0.0.1:${opsPort}` };
    }
    if (child.exitCode !== null) throw new Error(`the service ended: ${log()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const operation = (url: string, name: string, variables: object, authorization?: string) => {
  const own = OPERATIONS.split('\n').find((text) => text.includes(` ${name}(`)) ?? '';
  return postGraphQL(url, own, variables, authorization);
};

async function scalar(url: string, sql: string): Promise<string> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    const { rows } = await client.query<{ value: string }>(sql);
    return rows.map(({ value }) => value).join('\n');
  } finally {
    await client.end();
  }
}

describe('the users service', () => {
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

  it('logs one JSON line a request, a line for a stolen token, and no secret', async () => {
    const service = start(settings());
    const { url, opsUrl } = await listening(service);
    expect((await fetch(`${opsUrl}/readyz`)).status).toBe(200);

    const input = { username: 'Ada', password: PASSWORD };
    await operation(url, 'Register', { input: { ...input, email: 'ada@example.com' } });
    await operation(url, 'Register', { input: { ...input, email: 'secretive' } });
    const first = (await operation(url, 'Login', { input })).data.login;
    await operation(url, 'Login', { input: { ...input, password: 'wrong secret here' } });
    await operation(url, 'Confirm', { token: 'A'.repeat(43) });
    expect(await (await fetch(`${opsUrl}/metrics`)).text()).toContain(
      'logins_total{outcome="bad_credentials"} 2\n',
    );
    const bearer = `Bearer ${first.accessToken}`;
    const second = (await operation(url, 'Refresh', { token: first.refreshToken }, bearer)).data
      .refreshSession;
    await operation(url, 'Refresh', { token: second.refreshToken }, bearer);
    const reused = (await operation(url, 'Refresh', { token: first.refreshToken }, bearer)).data
      .refreshSession;
    expect(reused).toEqual({ code: 'INVALID_CREDENTIALS' });
    const change = async (currentPassword: string, newPassword: string) => {
      const changed = { currentPassword, newPassword, refreshToken: second.refreshToken };
      return (await operation(url, 'Change', { input: changed }, bearer)).data.changePassword.__typename;
    };
    expect(await change('wrong secret here', OTHER_PASSWORD)).toBe('InvalidCredentials');
    expect(await change(PASSWORD, 'weak secret')).toBe('InvalidInput');
    expect(await change(PASSWORD, OTHER_PASSWORD)).toBe('PasswordChanged');
    // Variables of the wrong type are quoted by graphql-js.
    await operation(url, 'Change', { input: { currentPassword: [PASSWORD], newPassword: PASSWORD } }, bearer);
    await operation(url, 'Login', { input: { ...input, password: [PASSWORD] } });

    service.process.kill('SIGTERM');
    expect(await service.ended).toBe(0);
    const lines = service
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
    const logins = lines.filter(({ event }) => String(event).startsWith('login.'));
    expect(logins.map(({ event, actor, subject, details: { by } }) => [event, actor, subject, by])).toEqual([
      ['login.ok', 'user 1', 'user 1', 'stranger'],
      ['login.failed', 'anonymous', 'user 1', 'stranger'],
      ['login.failed', 'anonymous', undefined, 'link'],
    ]);
    expect(lines).toContainEqual(
      expect.objectContaining({
        event: 'refresh.reused',
        actor: 'anonymous',
        subject: 'user 1',
        requestId: expect.any(String),
        details: { family: expect.any(Number) },
      }),
    );
    const hashes = await scalar(
      database.adminUrl,
      `SELECT password_hash AS value FROM users.users UNION SELECT encode(token_hash, 'hex') FROM users.sessions`,
    );
    const secrets = [
      PASSWORD,
      OTHER_PASSWORD,
      'wrong secret',
      'weak secret',
      first.accessToken,
      first.refreshToken,
      second.accessToken,
      second.refreshToken,
      SECRETS.SESSION_SECRET,
    ];
    expect(hashes.split('\n')).toHaveLength(4);
    for (const secret of [...secrets, ...hashes.split('\n'), keys[0]?.d])
      expect(service.log()).not.toContain(secret);
  });

  it('loses no mail when it is killed between the commit and the sending, and logs no token', async () => {
    // The server accepts connections but never answers, so the job is under way when the service dies.
    const silent = createServer();
    await once(silent.listen(0, '127.0.0.1'), 'listening');
    const address = silent.address();
    if (address === null || typeof address === 'string') throw new Error('it does not listen');
    const connected = once(silent, 'connection');
    const mail = {
      SMTP_URL: `smtp://127.0.0.1:${address.port}`,
      MAIL_FROM: 'shop@example.com',
      PUBLIC_URL: 'https://shop.example.com',
      QUEUE_LEASE_MS: '1000',
    };
    const first = start({ ...settings(), ...mail });
    const { url } = await listening(first);
    const input = { username: 'Killed', email: 'killed@example.com', password: PASSWORD };
    expect((await operation(url, 'Register', { input })).data.register.__typename).toBe('User');
    const [socket] = await connected;
    first.process.kill('SIGKILL');
    await first.ended;
    socket.destroy();
    await new Promise((resolve) => silent.close(resolve));

    const smtp = await startSmtp(address.port);
    const second = start({ ...settings(), ...mail });
    const { opsUrl } = await listening(second);
    const token = tokenIn(await smtp.mailTo('killed@example.com'));
    expect((await fetch(`${opsUrl}/readyz`)).status).toBe(200);
    expect(await (await fetch(`${opsUrl}/metrics`)).text()).toContain('mails_total{outcome="sent"} 1');
    second.process.kill('SIGTERM');
    expect(await second.ended).toBe(0);
    await smtp.close();
    expect(smtp.received).toHaveLength(1);
    for (const { log } of [first, second]) expect(log()).not.toContain(token);
  });

  it('shows mails at /outbox on an address of this machine alone', async () => {
    const mail = { MAIL_OUTBOX_DIR: join(dirname(file.path), 'outbox'), PUBLIC_URL: 'http://localhost:4000' };
    expect(() => readUsersSettings({ ...settings(), ...mail, HOST: '0.0.0.0' })).toThrow(
      'so HOST must be 127.0.0.1, got 0.0.0.0',
    );

    const { url, close } = await startInstance({ ...settings(), ...mail });
    const input = { username: 'Local', email: "o'neill&sons@example.com", password: PASSWORD };
    expect((await operation(url, 'Register', { input })).data.register.__typename).toBe('User');
    for (;;) {
      const page = await (await fetch(`${url}/outbox`)).text();
      if (!page.includes('Hello Local')) continue;
      expect(page).toContain('to o&#39;neill&amp;sons@example.com');
      expect(page).toMatch(/<a href="http:\/\/localhost:4000\/account\/verify-email#token=[\w-]{43}">/);
      break;
    }
    await close();
  });

  it('is alive, not ready and says SERVICE_UNAVAILABLE while PostgreSQL cannot be reached', async () => {
    const service = start({
      ...settings(),
      DATABASE_URL: 'postgres://users_service:secretive@127.0.0.1:1/postgres',
    });
    const { url, opsUrl } = await listening(service);
    expect((await fetch(`${opsUrl}/livez`)).status).toBe(200);
    const ready = await fetch(`${opsUrl}/readyz`);
    expect(ready.status).toBe(503);
    expect(await ready.json()).toEqual({ status: 'not ready', failing: ['database'] });

    const input = { username: 'Ada', password: PASSWORD };
    const replies = await Promise.all([
      operation(url, 'Register', { input: { ...input, email: 'ada@example.com' } }),
      operation(url, 'Login', { input }),
      operation(url, 'Refresh', { token: 'A'.repeat(43) }),
    ]);
    expect(replies.map(({ errors }) => errors.map(({ extensions }) => extensions.code))).toEqual(
      Array(3).fill(['SERVICE_UNAVAILABLE']),
    );
    service.process.kill('SIGTERM');
    expect(await service.ended).toBe(0);
    expect(service.log()).toContain('SERVICE_UNAVAILABLE');
    expect(service.log()).not.toContain('$argon2');
    expect(service.log()).not.toContain(PASSWORD);
    expect(service.log()).not.toContain('secretive');
  });
});
