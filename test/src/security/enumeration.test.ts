// What can be learnt by asking: a login does not tell whether there is such an account, neither by what it says nor by
// how long it takes. A registration must say that a name is taken, and takes as long whatever it says.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { type Account, Client, type Reply, secretsUsed, uniqueName } from '../support/client.ts';
import { inspect } from '../support/invariants.ts';
import { useSystem } from '../support/use-system.ts';

/** At most; most comparisons are clear after a fifth of them. */
const PAIRS = 96;
/** Of an account or a name, before the limit of tries makes a difference. */
const FREE_TRIES = 16;
/** Standard errors to both sides of a median: it lies between in 95 of 100 cases. */
const CERTAINTY = 2;
/** Far from what a skipped hash would make of it, which is a factor of four at least. */
const NOISE = { least: 1 / 1.25, most: 1.25 };

const system = useSystem();
let client: Client;
let account: Account;

beforeAll(async () => {
  client = await Client.of(system.url);
  account = await client.account();
}, 60_000);

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
 * Fails unless `one` takes as long as `other`, give or take `noise`: by the median over pairs. The two of a pair run right
 * after each other, by turns one or the other first, so that what else the machine does weighs on both. It asks until the
 * median is clearly within or clearly beyond the noise.
 */
async function expectAsLong(one: Contender, other: Contender, noise: Range = NOISE): Promise<void> {
  const ratios: number[] = [];
  do {
    await forgetTries();
    for (let pair = 0; pair < FREE_TRIES; pair += 1) ratios.push(await ratioOf(one, other, pair % 2 === 0));
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

/** Where the median of all values lies of which these are some: the sign test's interval, which supposes no distribution. */
function likelyMedian(values: readonly number[]): Range {
  const sorted = [...values].sort((a, b) => a - b);
  const beyond = Math.max(0, Math.floor((sorted.length - CERTAINTY * Math.sqrt(sorted.length)) / 2));
  return { least: sorted[beyond] ?? Number.NaN, most: sorted.at(-1 - beyond) ?? Number.NaN };
}

const isClear = (found: Range, { least, most }: Range): boolean =>
  (found.least > least && found.most < most) || found.most < least || found.least > most;

/** Makes every account and name as fresh as if nothing had failed yet, which the limit of tries would tell apart. */
const forgetTries = () =>
  inspect(system.adminUrl, (database) => database.query('DELETE FROM users.login_tries'));

const login = (username: string) =>
  client.rest('POST', '/login', { body: { username, password: 'not the password 42' } });

describe('a login that fails', () => {
  it('says the same of a known name, an unknown one, an address and what can be neither', async () => {
    const shapeOf = ({ status, body, headers }: Reply) => ({
      status,
      body: { ...body, request_id: 'ID' },
      names: [...headers.keys()].sort(),
    });
    const known = shapeOf(await login(account.username));
    expect(known).toMatchObject({ status: 401, body: { code: 'INVALID_CREDENTIALS' } });
    const names = [
      'nobody-at-all',
      `${account.username}@example.com`,
      'nobody@example.com',
      'no name!',
      'x'.repeat(300),
    ];
    for (const name of names) expect(shapeOf(await login(name))).toEqual(known);
    const graphql = async (username: string) => {
      const query =
        'mutation($u: String!) { login(input: { username: $u, password: "wrong" }) { __typename ... on Problem { code message } } }';
      return client.graphql(query, { u: username });
    };
    expect(await graphql('nobody-at-all')).toEqual(await graphql(account.username));
  });

  it.each<[string, () => string, () => string]>([
    ['a known and an unknown username', () => account.username, () => uniqueName('nobody')],
    [
      'a known and an unknown address',
      () => `${account.username}@example.com`,
      () => `${uniqueName('nobody')}@example.com`,
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

  it('says which of the two is taken, and nothing about whose it is', async () => {
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

  it('hashes before it looks, so that a taken name is not refused sooner', async () => {
    const name = () => {
      const username = free();
      return register(username, `${username}@example.com`);
    };
    // A new account is a commit as well: it may take longer, but only by that.
    await expectAsLong(taken.username(), { status: 201, call: name }, { least: 0.6, most: 1.4 });
  }, 180_000);
});
