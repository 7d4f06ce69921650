// Attacks on passwords: what a reply and its time reveal about accounts, how many guesses at an account are answered, and what counts
// as a try.
import { beforeEach, describe, expect, it } from '@jest/globals';
import { type Account, eventually, type Reply, secretsUsed, uniqueName } from '../support/client.ts';
import { inspect } from '../support/invariants.ts';
import { expectProblem } from '../support/problems.ts';
import { readCpuMs } from '../support/process-usage.ts';
import { account, client, LIMIT, second, system } from './secrets-shop.ts';

let addresses = 0;
function newAddress(): string {
  addresses += 1;
  return `198.18.${addresses >> 8}.${addresses % 256}`;
}

describe('what replies reveal', () => {
  /** The most rounds. The first one is enough, unless other work disturbs it. */
  const ROUNDS = 8;
  /** Fewer than the tries at an account or a name after which the limit of tries changes the reply. */
  const CALLS_A_ROUND = 4;
  /** A hash that is skipped for one of two kinds of name would change the ratio by a factor of two, another one by more. */
  const NOISE = { least: 1 / 1.5, most: 1.5 };

  interface Contender {
    readonly status: number;
    readonly call: () => Promise<Reply>;
  }

  /** The CPU time that the users service spends on some calls, ms. It hardly depends on the load of the machine. */
  async function spend({ status, call }: Contender): Promise<number> {
    const before = await readCpuMs(system.pid('users'));
    for (let calls = 0; calls < CALLS_A_ROUND; calls += 1) expect((await call()).status).toBe(status);
    return (await readCpuMs(system.pid('users'))) - before;
  }

  /** Expects that `one` costs the users service as much as `other`, within `noise`. */
  async function expectAsMuch(one: Contender, other: Contender, { least, most } = NOISE): Promise<void> {
    const spent = { one: 0, other: 0 };
    let ratio = Number.NaN;
    for (let round = 0; round < ROUNDS && !(ratio > least && ratio < most); round += 1) {
      await forgetTries();
      spent.one += await spend(one);
      spent.other += await spend(other);
      ratio = spent.one / spent.other;
    }
    expect(ratio).toBeGreaterThan(least);
    expect(ratio).toBeLessThan(most);
  }

  /** Deletes all failed tries, because the limit of tries would change the replies. */
  const forgetTries = () =>
    inspect(system.adminUrl, (database) => database.query('DELETE FROM users.login_tries'));

  const login = (username: string) =>
    client.rest('POST', '/login', { body: { username, password: 'not the password 42' } });

  describe('a login that fails', () => {
    it('gives the same reply for a known name, an unknown one, an address and an invalid name', async () => {
      const shapeOf = ({ status, body, headers }: Reply) => ({
        status,
        body: { ...body, request_id: 'ID' },
        names: [...headers.keys()].sort(),
      });
      const known = shapeOf(await login(account.username));
      expect(known).toMatchObject({ status: 401, body: { code: 'INVALID_CREDENTIALS' } });
      const names = [
        'unknown-user',
        `${account.username}@example.com`,
        'unknown@example.com',
        'no name!',
        'x'.repeat(300),
      ];
      for (const name of names) expect(shapeOf(await login(name))).toEqual(known);
      const graphql = async (username: string) => {
        const query =
          'mutation($u: String!) { login(input: { username: $u, password: "wrong" }) { __typename ... on Problem { code message } } }';
        return client.graphql(query, { u: username });
      };
      expect(await graphql('unknown-user')).toEqual(await graphql(account.username));
    });

    // The time of a reply is hardly more than that of its hash.
    it('costs as much for a known name as for an unknown one, by usernames and by addresses', async () => {
      /** Tries the username and the address in turn. */
      const contender = (nameOf: () => string): Contender => {
        let calls = 0;
        const call = () => {
          calls += 1;
          return login(calls % 2 === 0 ? nameOf() : `${nameOf()}@example.com`);
        };
        return { status: 401, call };
      };
      await expectAsMuch(
        contender(() => account.username),
        contender(() => uniqueName('unknown')),
      );
    });
  });

  describe('a registration', () => {
    // A short one, because the estimate of a long one would cost more than the hash.
    const password = crypto.randomUUID().slice(0, 13);
    secretsUsed.add(password);
    const register = (username: string, email: string) =>
      client.rest('POST', '/register', { body: { username, email, password } });
    const free = () => uniqueName('free');
    const taken = {
      username: (): Contender => ({
        status: 409,
        call: () => register(account.username, `${free()}@example.com`),
      }),
      email: (): Contender => ({
        status: 409,
        call: () => register(free(), `${account.username}@example.com`),
      }),
    };

    it('says which of the two is taken, and does not say by whom', async () => {
      const username = await taken.username().call();
      expect(username.body).toMatchObject({ code: 'USERNAME_TAKEN' });
      const email = await taken.email().call();
      expect(email.body).toMatchObject({ code: 'EMAIL_TAKEN' });
      for (const { body } of [username, email])
        expect(Object.keys(body).sort()).toEqual(['code', 'detail', 'request_id', 'status', 'title', 'type']);
    });

    it('costs as much for a taken username as for a taken address', async () => {
      await expectAsMuch(taken.username(), taken.email());
    });

    it('hashes before it looks up the name, so that a taken name is not refused sooner', async () => {
      const name = () => {
        const username = free();
        return register(username, `${username}@example.com`);
      };
      // A new account needs a commit too, so it may cost a little more.
      await expectAsMuch(taken.username(), { status: 201, call: name }, { least: 0.5, most: 1.6 });
    });
  });
});

describe('guessing the password of one account', () => {
  const HOUR_S = 3_600;
  /** OWASP ASVS 4.0.3, 2.2.1. An attacker may have the address of the owner too, which has as many guesses of its own. */
  const MAX_GUESSES = 100;
  /** How many tries are answered without a wait, and the waits after them. */
  const FREE = 20;
  const LONGEST_WAIT_S = 150;
  const SECOND_LONGEST_WAIT_S = 128;

  let owner: Account;
  let ownersAddress: string;
  let device: string;

  beforeEach(async () => {
    const registered = await client.register();
    await inspect(system.adminUrl, (database) =>
      database.query('DELETE FROM users.login_tries; DELETE FROM users.known_addresses'),
    );
    ownersAddress = newAddress();
    const { body } = await attempt(registered.username, registered.password, ownersAddress);
    owner = { ...registered, token: body.token };
    device = body.device_token;
  });

  let calls = 0;
  /** Tries at the gateways in turn. */
  async function attempt(
    username: string,
    password: string,
    address: string,
    device_token?: string,
  ): Promise<Reply> {
    calls += 1;
    const reply = await (calls % 2 === 0 ? client : second.client).rest('POST', '/login', {
      body: { username, password, ...(device_token && { device_token }) },
      headers: { 'x-forwarded-for': address },
    });
    if (reply.status === 200)
      for (const name of ['token', 'refresh_token', 'device_token']) secretsUsed.add(reply.body[name]);
    return reply;
  }

  /** Guesses at one of the two names. */
  const guess = (address = newAddress()): Promise<Reply> =>
    attempt(
      calls % 4 < 2 ? owner.username : ` ${owner.username.toUpperCase()}@example.com`,
      'a guess',
      address,
    );

  /** Makes all counted tries older. */
  const pass = (seconds: number) =>
    inspect(system.adminUrl, (database) =>
      database.query(`UPDATE users.login_tries SET last_at = last_at - $1 * interval '1 s'`, [seconds]),
    );

  /** Raises every count of failed tries that is lower. */
  const raiseTries = (failures: number) =>
    inspect(system.adminUrl, (database) =>
      database.query('UPDATE users.login_tries SET failures = greatest(failures, $1)', [failures]),
    );

  /** Uses up the tries, so that the next one has to wait for the longest time. */
  async function useUp(): Promise<void> {
    expect((await guess()).status).toBe(401);
    await raiseTries(FREE + 8);
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
    /** Guesses as fast as the limit allows, until it has to wait for the longest time. */
    async function guessUntilLongestWait(): Promise<{ answered: number; elapsedS: number }> {
      const address = newAddress();
      const startedAt = performance.now();
      let answered = 0;
      for (let passedS = 0; ; ) {
        const reply = await guess(address);
        if (reply.status === 401) {
          answered += 1;
          continue;
        }
        expectProblem(reply, 429, 'LOGIN_LIMITED');
        const waitS = Number(reply.headers.get('retry-after'));
        if (waitS > SECOND_LONGEST_WAIT_S)
          return { answered, elapsedS: passedS + (performance.now() - startedAt) / 1_000 };
        await pass(waitS);
        passedS += waitS;
      }
    }

    it(`has at most ${MAX_GUESSES} guesses at an account answered in an hour, of all its names, gateways and services`, async () => {
      for (let each = 0; each < 4; each += 1) expect((await guess()).status).toBe(401);
      // Counts of each name, gateway or service would have one free try left each.
      await raiseTries(FREE - 1);
      const { answered, elapsedS } = await guessUntilLongestWait();
      const inAnHour = FREE - 1 + answered + Math.floor((HOUR_S - elapsedS) / LONGEST_WAIT_S);
      expect(inAnHour).toBeLessThanOrEqual(MAX_GUESSES / 2);
      await pass(LONGEST_WAIT_S);
      expect(await guessUntilLongestWait()).toMatchObject({ answered: 1 });
    });

    it('gets one answer when it sends 20 guesses at once at the end of a wait', async () => {
      await useUp();
      await pass(LONGEST_WAIT_S);
      const address = newAddress();
      const replies = await inspect(system.adminUrl, async (database) => {
        await database.query('BEGIN');
        await database.query('SELECT FROM users.login_tries FOR UPDATE');
        const guesses = Promise.all(Array.from({ length: 20 }, () => guess(address)));
        // Most wait for the row behind the first one, which waits for this transaction.
        const waiting = `SELECT FROM pg_locks WHERE locktype = 'tuple' AND NOT granted
                            AND relation = 'users.login_tries'::regclass
                            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;
        await eventually(
          async () => (await database.query(waiting)).rowCount ?? 0,
          (count) => count >= 5,
        );
        await database.query('COMMIT');
        return guesses;
      });
      expect(replies.filter(({ status }) => status === 401)).toHaveLength(1);
      // 503: tries whose outcome is not told wait for their turn to be hashed, a few of one account at a time.
      for (const { status } of replies) expect([401, 429, 503]).toContain(status);
    });

    it('cannot tell a name without an account: it gets the same replies and limits', async () => {
      for (const username of [owner.username, `${owner.username}-x`]) {
        const tryOnce = async () => (await attempt(username, 'a guess', newAddress())).status;
        expect(await tryOnce()).toBe(401);
        await raiseTries(FREE - 1);
        expect(await tryOnce()).toBe(401);
        // The machine may be slow, so the wait starts anew.
        await pass(-60);
        expect(await tryOnce()).toBe(429);
      }
    });
  });

  describe('the owner, while an attacker guesses', () => {
    beforeEach(async () => {
      await useUp();
      expect((await guess()).status).toBe(429);
    });

    it('logs in from an address or a device that has logged in before; the new address of the device is known from then on', async () => {
      const address = newAddress();
      for (const [from, token] of [[ownersAddress], [address, device], [address]] as const)
        expect((await attempt(owner.username, owner.password, from, token)).status).toBe(200);
    });

    it(`may make ${FREE} mistakes at a known address, which are counted separately`, async () => {
      const reply = (password: string) => attempt(owner.username, password, ownersAddress);
      const enter = async (password: string) => (await reply(password)).status;
      expect(await enter('oops')).toBe(401);
      await raiseTries(FREE - 2);
      expect(await enter('oops')).toBe(401);
      expect(await enter(owner.password)).toBe(200);
      expect(await enter('oops')).toBe(401);
      await pass(-60);
      expect(await enter('oops')).toBe(429);
      await pass(60);
      await raiseTries(FREE + 8);
      const limited = await reply('oops');
      expectProblem(limited, 429, 'LOGIN_LIMITED');
      // Strangers wait as long.
      expect(Number(limited.headers.get('retry-after'))).toBeGreaterThan(SECOND_LONGEST_WAIT_S);
    });

    it('counts as a stranger with the device token of another account, or with one from before a change of the password', async () => {
      const foreign = (await attempt(account.username, account.password, newAddress())).body.device_token;
      const right = (token: string) => attempt(owner.username, owner.password, newAddress(), token);
      expectProblem(await right(foreign), 429, 'LOGIN_LIMITED');
      expectProblem(await right(`${device.slice(0, -2)}xx`), 429, 'LOGIN_LIMITED');

      const next = `another horse ${crypto.randomUUID()}`;
      secretsUsed.add(next);
      const changed = await client.rest('PUT', '/profile/password', {
        token: owner.token,
        body: { current_password: owner.password, new_password: next },
      });
      expect(changed.status).toBe(204);
      expectProblem(await attempt(owner.username, next, newAddress(), device), 429, 'LOGIN_LIMITED');
      expectProblem(await attempt(owner.username, next, ownersAddress), 429, 'LOGIN_LIMITED');
    });

    it('logs in from a new device by a mailed link, which is sent for the right password only, also after other addresses have used up their tries', async () => {
      const attackers = newAddress();
      for (let count = 0; count < 6; count += 1) await guess(attackers);
      const address = newAddress();
      const shapeOf = ({ status, body }: Reply) => [status, { ...body, request_id: '', detail: '' }];
      const wrong = await attempt(owner.username, 'a guess', address);
      const right = await attempt(owner.username, owner.password, address);
      expectProblem(right, 429, 'LOGIN_LIMITED');
      expect(right.body.detail).toMatch(
        /^Too many tries .* If the password was right, a login link was mailed/,
      );
      expect(shapeOf(right)).toEqual(shapeOf(wrong));

      const [token, ...others] = await eventually(loginLinks, (links) => links.length > 0);
      expect(others).toEqual([]);
      const confirm = () =>
        client.rest('POST', '/login/confirm', { body: { token }, headers: { 'x-forwarded-for': address } });
      const opened = await confirm();
      expect(opened.status).toBe(200);
      for (const name of ['token', 'refresh_token', 'device_token']) secretsUsed.add(opened.body[name]);
      expectProblem(await confirm(), 401, 'INVALID_CREDENTIALS');
      // The address and the device are known by now.
      for (const [from, token] of [[address], [newAddress(), opened.body.device_token]] as const)
        expect((await attempt(owner.username, owner.password, from, token)).status).toBe(200);
    });
  });

  describe('the log', () => {
    it('names the address, the account and the outcome of each try', async () => {
      await attempt(owner.username, 'a guess', '203.0.113.30');
      await attempt(`${owner.username}-x`, 'a guess', '203.0.113.31');
      await attempt(owner.username, owner.password, ownersAddress);
      await useUp();
      await attempt(owner.username, 'a guess', '203.0.113.32');
      const loginEvents = async () =>
        system
          .logs()
          .filter((line) => line.includes('"event":"login.'))
          .map((line) => JSON.parse(line));
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
      expect(from(ownersAddress).at(-1)).toMatchObject({
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
});

describe('what counts as a try', () => {
  /** No account has so long a password, so such a try costs no hash. It counts as any other. */
  const GUESS = 'a guess '.repeat(20);

  const post = async (body: unknown, address: string) => {
    const reply = await fetch(`${second.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-forwarded-for': address },
      body: JSON.stringify(body),
    });
    const { data, errors = [] } = JSON.parse(await reply.text());
    return { status: reply.status, data: data ?? null, code: errors[0]?.extensions?.code };
  };

  const guess = (username: string, password = GUESS) =>
    `login(input: { username: "${username}", password: "${password}" }) { __typename ... on Session { accessToken } }`;

  /** Makes a mutation of `count` logins to as many accounts. Only the last password is right. */
  function guesses(count: number): string {
    const fields = Array.from({ length: count - 1 }, (_, index) => `g${index}: ${guess(`user-${index}`)}`);
    return `mutation { ${fields.join(' ')} right: ${guess(account.username, account.password)} }`;
  }

  const one = { query: `mutation { ${guess('unknown-user')} }` };

  describe('aliases', () => {
    it('of login are refused as a whole when there are 100 of them', async () => {
      const refused = await post({ query: guesses(100) }, newAddress());
      expect(refused).toEqual({ status: 400, data: null, code: 'QUERY_TOO_COMPLEX' });
    });

    it('each count, and none is executed when they are more than the limit lets through', async () => {
      const address = newAddress();
      for (const body of [{ query: guesses(LIMIT + 1) }, one])
        expect(await post(body, address)).toEqual({ status: 429, data: null, code: 'RATE_LIMITED' });
    });

    it('use up the limit for single calls after them', async () => {
      const address = newAddress();
      const { data, status } = await post({ query: guesses(LIMIT) }, address);
      expect([status, Object.keys(data).length, data.right.__typename]).toEqual([200, LIMIT, 'Session']);
      secretsUsed.add(data.right.accessToken);
      expect(await post(one, address)).toEqual({ status: 429, data: null, code: 'RATE_LIMITED' });
    });
  });

  describe('an attacker with a stolen access token', () => {
    it('cannot guess the password by changing it: ten tries a minute, aliases and REST among them', async () => {
      const { token } = await client.account();
      const change = (count: number) =>
        `mutation { ${Array.from(
          { length: count },
          (_, n) =>
            `c${n}: changePassword(input: { currentPassword: "guess ${n}", newPassword: "paper clip 97 zebra" }) { __typename }`,
        ).join(' ')} }`;
      expect((await second.client.graphql(change(11), {}, token)).errors[0]?.extensions.code).toBe(
        'RATE_LIMITED',
      );
      // The refused mutation has used up the tries too.
      const body = { current_password: 'a guess', new_password: 'paper clip 97 zebra' };
      expectProblem(
        await second.client.rest('PUT', '/profile/password', { token, body }),
        429,
        'RATE_LIMITED',
      );
      const own = await second.client.rest('PUT', '/profile/password', { token: account.token, body });
      expectProblem(own, 401, 'INVALID_CREDENTIALS');
    });
  });

  describe('a list of requests in one body', () => {
    it('is refused, and none of them is executed', async () => {
      const address = newAddress();
      const list = Array.from({ length: 50 }, () => one);
      expect(await post(list, address)).toEqual({ status: 400, data: null, code: 'BAD_USER_INPUT' });
      expect(await post({ query: guesses(LIMIT) }, address)).toMatchObject({ status: 200 });
    });
  });

  describe('forged addresses', () => {
    it('start no new count: the gateway ignores headers like X-Forwarded-For, and what others wrote into that', async () => {
      const address = newAddress();
      const names = ['x-real-ip', 'x-client-ip', 'cf-connecting-ip', 'true-client-ip'];
      const statuses: number[] = [];
      for (let call = 0; call < LIMIT + 3; call += 1) {
        const forged = `203.0.113.${call}`;
        const reply = await second.client.rest('POST', '/login', {
          body: { username: `n-${call}`, password: GUESS },
          headers: {
            ...Object.fromEntries(names.map((name) => [name, forged])),
            forwarded: `for=${forged}`,
            'x-forwarded-for': `${forged}, ${address}`,
          },
        });
        statuses.push(reply.status);
        if (reply.status === 429) expectProblem(reply, 429, 'RATE_LIMITED');
      }
      expect(statuses).toEqual([...Array(LIMIT).fill(401), ...Array(3).fill(429)]);
    });
  });
});
