// Attacks on passwords: what a reply and its time reveal about accounts, how many guesses at an account are answered, and what counts
// as a try.
import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Account, Client, eventually, type Reply, secretsUsed, uniqueName } from '../support/client.ts';
import { inspect } from '../support/invariants.ts';
import { expectProblem } from '../support/problems.ts';
import { useShop } from '../support/shop.ts';
import type { AnotherInstance } from '../support/system.ts';

/** The gateways of this suite stand behind a proxy, so that a test can come from as many addresses as it likes. */
const { system, client, account } = useShop({ environment: { gateway: { TRUSTED_PROXIES: '1' } } });

describe('what replies reveal', () => {
  /** The most pairs. Most comparisons are clear after one round. */
  const PAIRS = 96;
  /** Fewer than the tries at an account or a name after which the limit of tries changes the reply. */
  const PAIRS_A_ROUND = 8;
  /** Standard errors on both sides of a median. The true median lies between them in 95 of 100 cases. */
  const CERTAINTY = 2;
  /** A skipped hash would change the time by a factor of four at least. */
  const NOISE = { least: 1 / 1.6, most: 1.6 };

  const median = (values: readonly number[]): number =>
    [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

  async function timed(call: () => Promise<Reply>, status: number): Promise<number> {
    const startedAt = performance.now();
    expect((await call()).status).toBe(status);
    return performance.now() - startedAt;
  }

  interface Contender {
    readonly status: number;
    readonly call: () => Promise<Reply>;
  }

  /**
   * Expects that `one` takes as long as `other`, within `noise`, by the median over pairs. The two calls of a pair run right after each
   * other, in alternating order, so that the load of the machine affects both. More pairs run until the median is clearly inside or
   * clearly outside the noise.
   */
  async function expectAsLong(one: Contender, other: Contender, noise: Range = NOISE): Promise<void> {
    const ratios: number[] = [];
    do {
      await forgetTries();
      for (let pair = 0; pair < PAIRS_A_ROUND; pair += 1)
        ratios.push(await ratioOf(one, other, pair % 2 === 0));
    } while (ratios.length < PAIRS && !isClear(likelyMedian(ratios), noise));
    expect(median(ratios)).toBeGreaterThan(noise.least);
    expect(median(ratios)).toBeLessThan(noise.most);
  }

  async function ratioOf(one: Contender, other: Contender, oneFirst: boolean): Promise<number> {
    const times = new Map<Contender, number>();
    for (const each of oneFirst ? [one, other] : [other, one])
      times.set(each, await timed(each.call, each.status));
    return (times.get(one) ?? Number.NaN) / (times.get(other) ?? Number.NaN);
  }

  interface Range {
    readonly least: number;
    readonly most: number;
  }

  /** The interval of the sign test for the true median, which assumes no distribution. */
  function likelyMedian(values: readonly number[]): Range {
    const sorted = [...values].sort((a, b) => a - b);
    const beyond = Math.max(0, Math.floor((sorted.length - CERTAINTY * Math.sqrt(sorted.length)) / 2));
    return { least: sorted[beyond] ?? Number.NaN, most: sorted.at(-1 - beyond) ?? Number.NaN };
  }

  const isClear = (found: Range, { least, most }: Range): boolean =>
    (found.least > least && found.most < most) || found.most < least || found.least > most;

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

    it.each<[string, () => string, () => string]>([
      ['a known and an unknown username', () => account.username, () => uniqueName('unknown')],
      [
        'a known and an unknown address',
        () => `${account.username}@example.com`,
        () => `${uniqueName('unknown')}@example.com`,
      ],
    ])(
      'takes as long for %s',
      async (_, known, unknown) => {
        await expectAsLong(
          { status: 401, call: () => login(known()) },
          { status: 401, call: () => login(unknown()) },
        );
      },
      180_000,
    );
  });

  describe('a registration', () => {
    const password = `correct horse ${crypto.randomUUID()}`;
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

    it('takes as long for a taken username as for a taken address', async () => {
      await expectAsLong(taken.username(), taken.email());
    }, 180_000);

    it('hashes before it looks up the name, so that a taken name is not refused sooner', async () => {
      const name = () => {
        const username = free();
        return register(username, `${username}@example.com`);
      };
      // A new account needs a commit too, so it may take a little longer.
      await expectAsLong(taken.username(), { status: 201, call: name }, { least: 0.5, most: 1.6 });
    }, 180_000);
  });
});

describe('guessing the password of one account', () => {
  const HOUR_S = 3_600;
  /** OWASP ASVS 4.0.3, 2.2.1. */
  const MAX_GUESSES = 100;
  /** How many tries are answered without a wait, and the longest wait. */
  const FREE = 20;
  const LONGEST_WAIT_S = 150;
  const OWNERS_ADDRESS = '192.0.2.1';

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
    owner = await client.account();
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
  /** Guesses at one of the two names, from a new address. */
  const guess = (address = strangersAddress()): Promise<Reply> =>
    attempt(
      calls % 2 === 0 ? owner.username : ` ${owner.username.toUpperCase()}@example.com`,
      'a guess',
      address,
    );

  /** Makes all counted tries older. */
  const pass = (seconds: number) =>
    inspect(system.adminUrl, (database) =>
      database.query(`UPDATE users.login_tries SET last_at = last_at - $1 * interval '1 s'`, [seconds]),
    );

  /** Guesses as fast as the limit allows for that time. Returns how many guesses were answered. */
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

  /** Uses up the tries, so that the next one has to wait for the longest time. */
  async function useUp(): Promise<void> {
    expect((await guess()).status).toBe(401);
    await inspect(system.adminUrl, (database) =>
      database.query('UPDATE users.login_tries SET failures = $1', [FREE + 8]),
    );
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
      const strangers = await guessFor(HOUR_S);
      const neighbours = await guessFor(HOUR_S, () => guess(OWNERS_ADDRESS));
      console.info(`from strange addresses: ${strangers}, from the owner's: ${neighbours}`);
      // The attacker may have the address of the owner too.
      expect(strangers + neighbours).toBeLessThanOrEqual(MAX_GUESSES);
      expect(await guessFor(HOUR_S)).toBeLessThanOrEqual(strangers);
    }, 120_000);

    it('gets one answer when it sends 40 guesses at once at the end of a wait', async () => {
      await useUp();
      for (let round = 0; round < 2; round += 1) {
        await pass(LONGEST_WAIT_S);
        const replies = await Promise.all(Array.from({ length: 40 }, () => guess()));
        expect(replies.filter(({ status }) => status === 401)).toHaveLength(1);
        // 503: tries whose outcome is not told wait for their turn to be hashed, a few of one account at a time.
        for (const { status } of replies) expect([401, 429, 503]).toContain(status);
      }
    });

    it('cannot tell a name without an account: it gets the same replies and limits', async () => {
      const statusesOf = async (username: string) => {
        const statuses: number[] = [];
        const tryOnce = async () =>
          statuses.push((await attempt(username, 'a guess', strangersAddress())).status);
        for (let count = 0; count < FREE; count += 1) await tryOnce();
        // The loop may have taken long, so the wait starts anew.
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

    it('counts as a stranger with the device token of another account, or with one from before a change of the password', async () => {
      const other = await client.account();
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

    it('logs in from a new device by a mailed link, which is sent for the right password only', async () => {
      const address = '203.0.113.20';
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
      const anywhere = await attempt(
        owner.username,
        owner.password,
        '203.0.113.21',
        opened.body.device_token,
      );
      expect(anywhere.status).toBe(200);
    });

    it('gets the link although others use up their tries whose outcome is not told', async () => {
      for (let count = 0; count < 30; count += 1) await guess('198.51.100.66');
      expectProblem(await attempt(owner.username, owner.password, '203.0.113.22'), 429, 'LOGIN_LIMITED');
      await eventually(loginLinks, (links) => links.length === 1);
    });

    it('does not wait after a few mistakes, which are counted separately', async () => {
      for (let mistake = 0; mistake < 15; mistake += 1)
        expect((await attempt(owner.username, 'oops', OWNERS_ADDRESS)).status).toBe(401);
      expect((await attempt(owner.username, owner.password, OWNERS_ADDRESS)).status).toBe(200);
    });
  });

  describe('the log', () => {
    it('names the address, the account and the outcome of each try', async () => {
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
});

describe('what counts as a try', () => {
  const LIMIT = 10;
  const RATE_LIMITS = `register=1000/1m,login=${LIMIT}/10m`;

  /** Behind a proxy, so that a test can be as many addresses as it likes. It counts for itself. */
  let proxied: AnotherInstance;
  /** Its callers are the addresses from which they connect. */
  let direct: AnotherInstance;

  beforeAll(async () => {
    [proxied, direct] = await Promise.all([
      system.another('gateway', { RATE_LIMITS }),
      system.another('gateway', { RATE_LIMITS, TRUSTED_PROXIES: '0' }),
    ]);
  });

  const post = async (body: unknown, address: string, url = proxied.url) => {
    const reply = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-forwarded-for': address },
      body: JSON.stringify(body),
    });
    const { data, errors = [] } = JSON.parse(await reply.text());
    return { status: reply.status, data: data ?? null, code: errors[0]?.extensions?.code };
  };

  const guess = (username: string, password: string) =>
    `login(input: { username: "${username}", password: "${password}" }) { __typename ... on Session { accessToken } }`;

  /** Makes a mutation of `count` logins to as many accounts. Only the last password is right. */
  function guesses(count: number): string {
    const fields = Array.from(
      { length: count - 1 },
      (_, index) => `g${index}: ${guess(`user-${index}`, 'a guess')}`,
    );
    secretsUsed.add(account.password);
    return `mutation { ${fields.join(' ')} right: ${guess(account.username, account.password)} }`;
  }

  const one = { query: `mutation { ${guess('unknown-user', 'a guess')} }` };

  describe('aliases', () => {
    it('of login are refused as a whole when there are 100 of them', async () => {
      const refused = await post({ query: guesses(100) }, '198.51.100.1');
      expect(refused).toEqual({ status: 400, data: null, code: 'QUERY_TOO_COMPLEX' });
    });

    it('each count, and none is executed when they are more than the limit lets through', async () => {
      expect(await post({ query: guesses(LIMIT + 1) }, '198.51.100.2')).toEqual({
        status: 429,
        data: null,
        code: 'RATE_LIMITED',
      });
      expect(await post(one, '198.51.100.2')).toEqual({ status: 429, data: null, code: 'RATE_LIMITED' });
    });

    it('use up the limit for single calls after them', async () => {
      const { data, status } = await post({ query: guesses(LIMIT) }, '198.51.100.3');
      expect([status, Object.keys(data).length, data.right.__typename]).toEqual([200, LIMIT, 'Session']);
      secretsUsed.add(data.right.accessToken);
      expect(await post(one, '198.51.100.3')).toEqual({ status: 429, data: null, code: 'RATE_LIMITED' });
    });
  });

  describe('an attacker with a stolen access token', () => {
    it('cannot guess the password by changing it: ten tries a minute, aliases and REST among them', async () => {
      const client = await Client.of(proxied.url);
      const { token } = await client.account();
      const change = (count: number) =>
        `mutation { ${Array.from(
          { length: count },
          (_, n) =>
            `c${n}: changePassword(input: { currentPassword: "guess ${n}", newPassword: "paper clip 97 zebra" }) { __typename }`,
        ).join(' ')} }`;
      expect((await client.graphql(change(11), {}, token)).errors[0]?.extensions.code).toBe('RATE_LIMITED');
      // The refused mutation has used up the tries too.
      const body = { current_password: 'a guess', new_password: 'paper clip 97 zebra' };
      expectProblem(await client.rest('PUT', '/profile/password', { token, body }), 429, 'RATE_LIMITED');
      const other = await client.account();
      const own = await client.rest('PUT', '/profile/password', { token: other.token, body });
      expectProblem(own, 401, 'INVALID_CREDENTIALS');
    });
  });

  describe('a list of requests in one body', () => {
    it('is refused, and none of them is executed', async () => {
      const list = Array.from({ length: 50 }, () => one);
      expect(await post(list, '198.51.100.4')).toEqual({ status: 400, data: null, code: 'BAD_USER_INPUT' });
      for (let call = 0; call < LIMIT; call += 1) {
        const query = `mutation { ${guess(`other-${call}`, 'a guess')} }`;
        expect((await post({ query }, '198.51.100.4')).status).toBe(200);
      }
    });
  });

  describe('a mutation in a GET', () => {
    it('is refused, with every content type that a form can send', async () => {
      const query = encodeURIComponent(one.query);
      const get = await fetch(`${proxied.url}/graphql?query=${query}`, {
        headers: { 'apollo-require-preflight': '1' },
      });
      expect(get.status).toBe(405);
      for (const type of [
        'text/plain',
        'application/x-www-form-urlencoded',
        'multipart/form-data; boundary=x',
      ]) {
        const form = await fetch(`${proxied.url}/graphql`, {
          method: 'POST',
          headers: { 'content-type': type },
          body: JSON.stringify(one),
        });
        expect(form.status).toBe(415);
      }
    });
  });

  describe('forged addresses', () => {
    it('start no new count: the gateway ignores X-Forwarded-For and similar headers', async () => {
      const names = [
        'x-forwarded-for',
        'forwarded',
        'x-real-ip',
        'x-client-ip',
        'cf-connecting-ip',
        'true-client-ip',
      ];
      const client = await Client.of(direct.url);
      const statuses: number[] = [];
      for (let call = 0; call < LIMIT + 10; call += 1) {
        const headers = Object.fromEntries(
          names.map((name) => [name, name === 'forwarded' ? `for=203.0.113.${call}` : `203.0.113.${call}`]),
        );
        const reply = await client.rest('POST', '/login', {
          body: { username: `n-${call}`, password: 'a guess' },
          headers,
        });
        statuses.push(reply.status);
        if (reply.status === 429) expectProblem(reply, 429, 'RATE_LIMITED');
      }
      expect(statuses).toEqual([...Array(LIMIT).fill(401), ...Array(10).fill(429)]);
    });
  });
});
