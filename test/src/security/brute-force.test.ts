// Guessing passwords: every try counts, however many are packed into a request and wherever they say they come from.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Account, Client, secretsUsed } from '../support/client.ts';
import { expectProblem } from '../support/problems.ts';
import { type AnotherInstance, type System, startSystem } from '../support/system.ts';

const LIMIT = 10;
const RATE_LIMITS = `register=1000/1m,login=${LIMIT}/10m`;

let system: System;
/** Behind a proxy, so that a test can be as many addresses as it likes. It counts for itself. */
let proxied: AnotherInstance;
let account: Account;

beforeAll(async () => {
  system = await startSystem({ env: { RATE_LIMITS } });
  proxied = await system.another('gateway', { TRUSTED_PROXIES: '1' });
  account = await (await Client.of(system.url)).account();
}, 60_000);
afterAll(() => system?.stop());

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

/** A mutation of `count` logins to as many accounts, the last of which is right. */
function guesses(count: number): string {
  const fields = Array.from(
    { length: count - 1 },
    (_, index) => `g${index}: ${guess(`user-${index}`, 'a guess')}`,
  );
  secretsUsed.add(account.password);
  return `mutation { ${fields.join(' ')} right: ${guess(account.username, account.password)} }`;
}

const one = { query: `mutation { ${guess('somebody', 'a guess')} }` };

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

describe('whoever has found an access token', () => {
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
    // What was refused has used the tries up as well.
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
  it('is refused, with whatever content type a form could send', async () => {
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
  it('open no new window: neither X-Forwarded-For nor its relatives are believed', async () => {
    const names = [
      'x-forwarded-for',
      'forwarded',
      'x-real-ip',
      'x-client-ip',
      'cf-connecting-ip',
      'true-client-ip',
    ];
    const client = await Client.of(system.url);
    const statuses: number[] = [];
    // The account of this test has logged in from here once.
    for (let call = 1; call < LIMIT + 10; call += 1) {
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
    expect(statuses).toEqual([...Array(LIMIT - 1).fill(401), ...Array(10).fill(429)]);
  });
});
