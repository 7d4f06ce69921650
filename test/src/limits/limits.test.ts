// Rate limits of the whole system: all gateways share them, they are exact under races, and they count the right caller.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { type Account, Client } from '../support/client.ts';
import { inspect } from '../support/invariants.ts';
import { expectProblem } from '../support/problems.ts';
import { startRedis } from '../support/redis.ts';
import { useShop } from '../support/shop.ts';
import { whileTestsRun } from '../support/use-system.ts';

const WINDOW_S = 8;
const RATE_LIMITS = 'createOrder=10/1h,user=20/8s,register=1000/1m,login=1000/1m,refreshSession=5/1m';
const CALLS = 40;

const server = whileTestsRun(startRedis, (running) => running.stop());
/** Without limits. */
const shop = useShop();
let client: Client;
/** Of a gateway behind a proxy. Without a header of the proxy, the gateway counts the address of the connection. */
let proxied: Client;

beforeAll(async () => {
  // Redis answers slowly on a busy machine, and the gateways must not treat it as unavailable.
  const REDIS_TIMEOUT_MS = '5000';
  const env = { REDIS_URL: server.url, REDIS_TIMEOUT_MS, RATE_LIMITS, MAX_ROOT_FIELDS: '25' };
  const gateways = await Promise.all([
    shop.system.another('gateway', env),
    shop.system.another('gateway', { ...env, TRUSTED_PROXIES: '1' }),
  ]);
  [client, proxied] = (await Promise.all(gateways.map(({ url }) => Client.of(url)))) as [Client, Client];
});

interface Attempt {
  readonly isOrdered: boolean;
  readonly status: number;
}

/** Places an order, by REST or GraphQL at one gateway or the other. */
async function order({ token }: Account, productId: string, index: number): Promise<Attempt> {
  const at = index % 2 === 0 ? client : proxied;
  if (index % 4 < 2) {
    const body = { product_id: productId, quantity: 1 };
    const reply = await at.rest('POST', '/orders', { token, body, headers: { prefer: 'respond-async' } });
    if (reply.status === 429) expectProblem(reply, 429, 'RATE_LIMITED');
    // Confirmed, or not yet.
    else expect([201, 202]).toContain(reply.status);
    return { isOrdered: reply.status !== 429, status: reply.status };
  }
  const { data, errors, status } = await at.graphql(
    'mutation($input: CreateOrderInput!) { createOrder(input: $input) { ... on Order { id } } }',
    { input: { productId, quantity: 1, waitMs: 0 } },
    token,
  );
  if (errors.length > 0) expect([data, errors[0]?.extensions.code]).toEqual([null, 'RATE_LIMITED']);
  return { isOrdered: data?.createOrder.id !== undefined, status };
}

const ordersOf = ({ id }: Account) =>
  inspect(shop.system.adminUrl, async (database) => {
    const { rows } = await database.query('SELECT count(*)::int AS n FROM orders.orders WHERE user_id = $1', [
      id,
    ]);
    return rows[0].n;
  });

describe('one limit for all gateways', () => {
  it('accepts exactly 10 of 40 simultaneous orders, by REST and GraphQL at two gateways', async () => {
    const { id } = await client.product(shop.account.token, { stock: 1_000 });
    const { account } = shop;
    const attempts = await Promise.all(
      Array.from({ length: CALLS }, (_, index) => order(account, id, index)),
    );
    expect(attempts.filter(({ isOrdered }) => isOrdered)).toHaveLength(10);
    expect(attempts.filter(({ status }) => status === 429)).toHaveLength(30);
    expect(await ordersOf(account)).toBe(10);
    expect((await order(await client.account(), id, 0)).isOrdered).toBe(true);
  });

  const profile = ({ token }: Account) => client.rest('GET', '/profile', { token });

  it('accepts calls again when the window ends, and announces that time', async () => {
    const account = await client.account();
    await Promise.all(Array.from({ length: 20 }, () => profile(account)));
    const refused = await profile(account);
    expectProblem(refused, 429, 'RATE_LIMITED');
    const retryAfter = Number(refused.headers.get('retry-after'));
    expect(retryAfter).toBeGreaterThan(0);
    expect(retryAfter).toBeLessThanOrEqual(WINDOW_S);
    expect(refused.headers.get('ratelimit-policy')).toBe(`"user";q=20;w=${WINDOW_S}`);
    expect(refused.headers.get('ratelimit')).toBe(`"user";r=0;t=${retryAfter}`);
    await new Promise((resolve) => setTimeout(resolve, retryAfter * 1_000));
    const again = await profile(account);
    expect(again.status).toBe(200);
    expect(again.headers.get('ratelimit')).toBe(`"user";r=19;t=${WINDOW_S}`);
  });

  it('counts each alias', async () => {
    const account = await client.account();
    const aliases = Array.from({ length: 25 }, (_, index) => `a${index}: me { username }`);
    const { data, errors, status } = await client.graphql(`{ ${aliases.join(' ')} }`, {}, account.token);
    expect(status).toBe(200);
    expect(Object.values(data).filter((user) => user !== null)).toHaveLength(20);
    expect(errors.map(({ path }) => path?.[0])).toEqual(['a20', 'a21', 'a22', 'a23', 'a24']);
    expect((await profile(account)).status).toBe(429);
  });
});

const statusesOf = async (calls: readonly Promise<{ status: number }>[]) =>
  (await Promise.all(calls)).map(({ status }) => status).sort();

describe('the address that is counted', () => {
  const refresh = (at: Client, forwarded: string) =>
    at.rest('POST', '/token/refresh', {
      body: { refresh_token: 'not a token' },
      headers: { 'x-forwarded-for': forwarded },
    });

  it('is the one of the connection and not of a header, unless the gateway trusts a proxy', async () => {
    const forged = Array.from({ length: 8 }, (_, index) => refresh(client, `203.0.113.${index}`));
    expect(await statusesOf(forged)).toEqual([401, 401, 401, 401, 401, 429, 429, 429]);
  });

  it('is the one that the trusted proxy wrote, and not an earlier one in the header', async () => {
    const forged = Array.from({ length: 8 }, (_, index) => refresh(proxied, `10.0.0.${index}, 203.0.113.77`));
    expect(await statusesOf(forged)).toEqual([401, 401, 401, 401, 401, 429, 429, 429]);
    const others = Array.from({ length: 8 }, (_, index) =>
      refresh(proxied, `10.0.0.1, 203.0.113.${100 + index}`),
    );
    expect(new Set(await statusesOf(others))).toEqual(new Set([401]));
  });
});

it('leaves short keys in Redis for many addresses, which expire', async () => {
  const replies = Array.from({ length: 50 }, (_, index) =>
    proxied.rest('GET', '/products?limit=1', { headers: { 'x-forwarded-for': `10.0.0.${index}` } }),
  );
  expect(new Set(await statusesOf(replies))).toEqual(new Set([200]));
  const read = `local keys = redis.call('KEYS', 'holdfast:limit:*')
    local found = {}
    for i, key in ipairs(keys) do found[i] = redis.call('PTTL', key) .. '\\t' .. key end
    return table.concat(found, '\\n')`;
  const found = String(await server.command('EVAL', read, '0')).split('\n');
  expect(found.length).toBeGreaterThanOrEqual(50);
  for (const [life, key = ''] of found.map((line) => line.split('\t'))) {
    expect(key.length).toBeLessThan(64);
    expect(Number(life)).toBeGreaterThanOrEqual(0);
    expect(Number(life)).toBeLessThanOrEqual(3_600_000);
  }
});
