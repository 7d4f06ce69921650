// Guessing the password of one account: over two gateways and two users services, from as many addresses as one likes, by
// username and by address. How many guesses an hour are answered, and whether the owner gets in meanwhile.
import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Account, Client, eventually, type Reply, secretsUsed } from '../support/client.ts';
import { inspect } from '../support/invariants.ts';
import { expectProblem } from '../support/problems.ts';
import { useSystem } from '../support/use-system.ts';

const HOUR_S = 3_600;
/** OWASP ASVS 4.0.3, 2.2.1. */
const MAX_GUESSES = 100;
/** How many tries are let through at once, and how long one has to wait at most. */
const FREE = 20;
const LONGEST_WAIT_S = 150;
const OWNERS_ADDRESS = '192.0.2.1';

const system = useSystem({ environment: { gateway: { TRUSTED_PROXIES: '1' } } });
let gateways: Client[];
let owner: Account;
let device: string;
beforeAll(async () => {
  const users = await system.another('users');
  const second = await system.another('gateway', {
    TRUSTED_PROXIES: '1',
    USERS_URL: `${users.url}/graphql`,
  });
  gateways = await Promise.all([Client.of(system.url), Client.of(second.url)]);
}, 60_000);

beforeEach(async () => {
  owner = await (await Client.of(system.url)).account();
  await inspect(system.adminUrl, (database) =>
    database.query('TRUNCATE users.login_tries, users.known_addresses'),
  );
  const login = await attempt(owner.username, owner.password, OWNERS_ADDRESS);
  device = login.body.device_token;
});

let calls = 0;
async function attempt(
  username: string,
  password: string,
  address: string,
  device_token?: string,
): Promise<Reply> {
  calls += 1;
  const reply = await (gateways[calls % 2] as Client).rest('POST', '/login', {
    body: { username, password, ...(device_token && { device_token }) },
    headers: { 'x-forwarded-for': address },
  });
  if (reply.status === 200)
    for (const name of ['token', 'refresh_token', 'device_token']) secretsUsed.add(reply.body[name]);
  return reply;
}

const strangersAddress = () => `198.18.${(calls >> 8) % 256}.${calls % 256}`;
/** A guess at one of the two names, from an address that was not used before. */
const guess = (address = strangersAddress()): Promise<Reply> =>
  attempt(
    calls % 2 === 0 ? owner.username : ` ${owner.username.toUpperCase()}@example.com`,
    'a guess',
    address,
  );

/** Makes all that was counted so much older. */
const pass = (seconds: number) =>
  inspect(system.adminUrl, (database) =>
    database.query(`UPDATE users.login_tries SET last_at = last_at - $1 * interval '1 s'`, [seconds]),
  );

/** Guesses, as fast as it is let, for so long. Returns how many were answered. */
async function guessFor(seconds: number, guessOnce: () => Promise<Reply> = guess): Promise<number> {
  let answered = 0;
  for (let elapsedS = 0; elapsedS < seconds; ) {
    const reply = await guessOnce();
    if (reply.status === 401) {
      answered += 1;
      continue;
    }
    expectProblem(reply, 429, 'LOGIN_LIMITED');
    const waitS = Number(reply.headers.get('retry-after'));
    await pass(waitS);
    elapsedS += waitS;
  }
  return answered;
}

/** Fails until the next try has to wait for as long as one ever has to. */
async function useUp(): Promise<void> {
  await guessFor(255);
  expect((await guess()).status).toBe(401);
}

/** The tokens of the login links that were mailed to the owner. */
async function loginLinks(): Promise<string[]> {
  const page = await (await fetch(new URL('/outbox', system.subgraphUrl('users')))).text();
  return page
    .split('<article>')
    .filter((mail) => mail.includes(` to ${owner.username}@example.com<`))
    .flatMap((mail) => /account\/confirm-login#token=([\w-]{43})/.exec(mail)?.[1] ?? []);
}

describe('an attacker with many addresses', () => {
  it(`has at most ${MAX_GUESSES} guesses at an account answered in an hour, of all its names, gateways and services`, async () => {
    const first = await guessFor(HOUR_S);
    const second = await guessFor(HOUR_S);
    console.info(`guesses answered in the first hour: ${first}, in the second: ${second}`);
    expect(first).toBeLessThanOrEqual(MAX_GUESSES);
    expect(second).toBeLessThanOrEqual(first);
  }, 120_000);

  it('has one of them answered when it sends 40 at once at the end of a wait', async () => {
    await useUp();
    for (let round = 0; round < 3; round += 1) {
      await pass(LONGEST_WAIT_S);
      const replies = await Promise.all(Array.from({ length: 40 }, () => guess()));
      expect(replies.filter(({ status }) => status === 401)).toHaveLength(1);
      // 503: what is not told waits for its turn to be hashed, a few of one account at a time.
      for (const { status } of replies) expect([401, 429, 503]).toContain(status);
    }
  });

  it(`has at most ${MAX_GUESSES} answered with the address of the owner among its own`, async () => {
    const strangers = await guessFor(HOUR_S);
    const neighbours = await guessFor(HOUR_S, () => guess(OWNERS_ADDRESS));
    console.info(`from strange addresses: ${strangers}, from the owner's: ${neighbours}`);
    expect(strangers + neighbours).toBeLessThanOrEqual(MAX_GUESSES);
  }, 120_000);

  it('learns nothing of a name that has no account: it is answered and limited alike', async () => {
    const statusesOf = async (username: string) => {
      const statuses: number[] = [];
      const tryOnce = async () =>
        statuses.push((await attempt(username, 'a guess', strangersAddress())).status);
      for (let count = 0; count < FREE; count += 1) await tryOnce();
      // However long that took.
      await pass(-60);
      await tryOnce();
      return statuses;
    };
    const known = await statusesOf(owner.username);
    expect(known).toEqual([...Array(FREE).fill(401), 429]);
    expect(await statusesOf(`${owner.username}-x`)).toEqual(known);
  });
});

describe('the owner, while an attacker guesses', () => {
  beforeEach(async () => {
    await useUp();
    expect((await guess()).status).toBe(429);
  });

  it('logs in from an address that has logged in before, without the device', async () => {
    for (let login = 0; login < 3; login += 1)
      expect((await attempt(owner.username, owner.password, OWNERS_ADDRESS)).status).toBe(200);
  });

  it('logs in from the device that has logged in before, at a new address, which is known from then on', async () => {
    const address = '203.0.113.9';
    expect((await attempt(owner.username, owner.password, address, device)).status).toBe(200);
    expect((await attempt(owner.username, owner.password, address)).status).toBe(200);
  });

  it('is a stranger with another account’s device token, or one of before a change of the password', async () => {
    const other = await (await Client.of(system.url)).account();
    const foreign = (await attempt(other.username, other.password, '203.0.113.10')).body.device_token;
    const right = (token: string) => attempt(owner.username, owner.password, '203.0.113.11', token);
    expectProblem(await right(foreign), 429, 'LOGIN_LIMITED');
    expectProblem(await right(`${device.slice(0, -2)}xx`), 429, 'LOGIN_LIMITED');

    const next = `another horse ${crypto.randomUUID()}`;
    secretsUsed.add(next);
    const changed = await (gateways[0] as Client).rest('PUT', '/profile/password', {
      token: owner.token,
      body: { current_password: owner.password, new_password: next },
    });
    expect(changed.status).toBe(204);
    expectProblem(await attempt(owner.username, next, '203.0.113.12', device), 429, 'LOGIN_LIMITED');
    expectProblem(await attempt(owner.username, next, OWNERS_ADDRESS), 429, 'LOGIN_LIMITED');
  });

  it('logs in from a new device by a mailed link, which a wrong password does not bring', async () => {
    const address = '203.0.113.20';
    const shapeOf = ({ status, body }: Reply) => [status, { ...body, request_id: '', detail: '' }];
    const wrong = await attempt(owner.username, 'a guess', address);
    const right = await attempt(owner.username, owner.password, address);
    expectProblem(right, 429, 'LOGIN_LIMITED');
    expect(right.body.detail).toMatch(
      /^Too many tries .* If the password was right, a link to log in by is on its way/,
    );
    expect(shapeOf(right)).toEqual(shapeOf(wrong));

    const [token, ...others] = await eventually(loginLinks, (links) => links.length > 0);
    expect(others).toEqual([]);
    const confirm = () =>
      (gateways[0] as Client).rest('POST', '/login/confirm', {
        body: { token },
        headers: { 'x-forwarded-for': address },
      });
    const opened = await confirm();
    expect(opened.status).toBe(200);
    for (const name of ['token', 'refresh_token', 'device_token']) secretsUsed.add(opened.body[name]);
    expectProblem(await confirm(), 401, 'INVALID_CREDENTIALS');
    // The address and the device are known by now.
    expect((await attempt(owner.username, owner.password, address)).status).toBe(200);
    const anywhere = await attempt(owner.username, owner.password, '203.0.113.21', opened.body.device_token);
    expect(anywhere.status).toBe(200);
  });

  it('gets the link although others use up what they may try untold', async () => {
    for (let count = 0; count < 30; count += 1) await guess('198.51.100.66');
    expectProblem(await attempt(owner.username, owner.password, '203.0.113.22'), 429, 'LOGIN_LIMITED');
    await eventually(loginLinks, (links) => links.length === 1);
  });

  it('has mistakes of their own counted apart: a few cost no wait', async () => {
    for (let mistake = 0; mistake < 15; mistake += 1)
      expect((await attempt(owner.username, 'oops', OWNERS_ADDRESS)).status).toBe(401);
    expect((await attempt(owner.username, owner.password, OWNERS_ADDRESS)).status).toBe(200);
  });
});

describe('the log', () => {
  it('says of each try from where it came and at which account, for what came of it', async () => {
    await attempt(owner.username, 'a guess', '203.0.113.30');
    await attempt(`${owner.username}-x`, 'a guess', '203.0.113.31');
    await attempt(owner.username, owner.password, OWNERS_ADDRESS);
    await useUp();
    await attempt(owner.username, 'a guess', '203.0.113.32');
    const loginEvents = async () =>
      system
        .logs()
        .map((line) => JSON.parse(line))
        .filter(({ event }) => event?.startsWith('login.'));
    // A line may come after its reply.
    const events = await eventually(loginEvents, (lines) =>
      lines.some(({ address }) => address === '203.0.113.32'),
    );
    const subject = `user ${owner.id}`;
    const from = (address: string) =>
      events.filter((line) => line.address === address && line.subject === subject);
    const requestId = expect.any(String);
    expect(from('203.0.113.30')).toMatchObject([
      { event: 'login.failed', actor: 'anonymous', requestId, details: { by: 'stranger' } },
    ]);
    expect(events.filter(({ address }) => address === '203.0.113.31')).toMatchObject([
      { event: 'login.failed', actor: 'anonymous', requestId },
    ]);
    expect(from(OWNERS_ADDRESS).at(-1)).toMatchObject({
      event: 'login.ok',
      actor: subject,
      actorRole: 'CUSTOMER',
      requestId,
      details: { by: 'address' },
    });
    expect(from('203.0.113.32')).toMatchObject([
      {
        event: 'login.limited',
        actor: 'anonymous',
        requestId,
        details: { by: 'stranger', waitS: LONGEST_WAIT_S },
      },
    ]);
  });
});
