// PostgreSQL answers reads and its commits hang, as they do while a synchronous standby is away.
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { type Account, Client, eventually } from '../support/client.ts';
import { hangCommits, releaseCommits, sessions } from '../support/commits.ts';
import { expectInvariants, inspect } from '../support/invariants.ts';
import { useSystem } from '../support/use-system.ts';

const UNITS = 1_000_000;
const HANG_MS = 60_000;
const WRITERS = 16;
/** The clients of this test give up after this, and come again. */
const PATIENCE_MS = 1_000;
/** For requests of three services; for the jobs of two; LISTEN, sweep; gauges of two; one that asks for each of 7. */
const MOST_SESSIONS = 3 * 10 + 2 * (4 + 2) + 2 + 2 + 7;
/** On a machine that other tests share. */
const READ_MS = 5_000;

const system = useSystem({ ownPostgres: true });
let client: Client;
let account: Account;
let productId: string;
let orderId: string;

beforeAll(async () => {
  client = await Client.of(system.url);
  account = await client.account();
  productId = (await client.product(account.token, { stock: UNITS })).id;
  orderId = (await order()).body.id;
}, 120_000);

const order = (prefer = 'wait=10') =>
  client.rest('POST', '/orders', {
    token: account.token,
    body: { product_id: productId, quantity: 1 },
    headers: { 'idempotency-key': crypto.randomUUID(), prefer },
  });

/** Lets commits hang while jobs are in the queue, so that those of the jobs hang too. */
const hangWithJobs = () =>
  inspect(system.adminUrl, async (holder) => {
    await holder.query('BEGIN');
    await holder.query('SELECT FROM products.products WHERE id = $1 FOR NO KEY UPDATE', [productId]);
    for (let count = 0; count < 8; count += 1) expect((await order('respond-async')).status).toBe(202);
    await hangCommits(system.adminUrl);
    await holder.query('ROLLBACK');
  });

/** A call whose client does not wait for the answer for long. */
async function giveUp(method: string, path: string, body: unknown, headers = {}): Promise<void> {
  await fetch(system.url + path, {
    method,
    headers: { 'content-type': 'application/json', authorization: `Bearer ${account.token}`, ...headers },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(PATIENCE_MS),
  }).then(
    (reply) => reply.text(),
    () => undefined,
  );
}

const WRITES = [
  () => giveUp('PATCH', `/products/${productId}`, { description: crypto.randomUUID() }, { 'if-match': '*' }),
  () => giveUp('POST', '/products', { name: 'A thing', price: 1, stock: 1 }),
  () => giveUp('POST', '/orders', { product_id: productId, quantity: 1 }),
  () => giveUp('POST', '/login', { username: account.username, password: account.password }),
];

async function writeWhile(isOn: () => boolean): Promise<void> {
  await Promise.all(
    Array.from({ length: WRITERS }, async (_, index) => {
      for (let count = index; isOn(); count += 1) {
        await WRITES[count % WRITES.length]?.();
        await sleep(50);
      }
    }),
  );
}

const READS: [name: string, read: () => Promise<{ readonly status: number }>][] = [
  ['a product', () => client.rest('GET', `/products/${productId}`)],
  ['a search', () => client.rest('GET', `/products?search=${crypto.randomUUID()}`)],
  ['an order', () => client.rest('GET', `/orders/${orderId}`, { token: account.token })],
  ['a profile', () => client.rest('GET', '/profile', { token: account.token })],
  ...(['users', 'products', 'orders'] as const).map((service): [string, () => Promise<Response>] => [
    `the readiness of ${service}`,
    () => fetch(system.opsUrl(service, '/readyz')),
  ]),
];

describe('while commits hang and clients give up', () => {
  it('no service opens more connections than it may, and reads go on', async () => {
    await hangWithJobs();
    const until = Date.now() + HANG_MS;
    const isOn = () => Date.now() < until;
    const writing = writeWhile(isOn);
    const seen: number[] = [];
    const failures: string[] = [];
    while (isOn()) {
      for (const [name, read] of READS) {
        const startedAt = performance.now();
        const { status } = await read();
        const ms = Math.round(performance.now() - startedAt);
        if (status !== 200 || ms > READ_MS) failures.push(`${name}: ${status} after ${ms} ms`);
      }
      seen.push((await sessions(system.adminUrl)).open);
      await sleep(1_000);
    }
    await writing;
    const { hanging } = await sessions(system.adminUrl);
    console.info(`sessions: ${seen.join(' ')}; ${hanging} hang; failed reads: ${failures.length}`);
    await releaseCommits(system.adminUrl);
    expect(failures).toEqual([]);
    expect(hanging).toBeGreaterThan(3);
    expect(Math.max(...seen)).toBeLessThanOrEqual(MOST_SESSIONS);

    const placed = await eventually(
      () => order(),
      ({ status }) => status === 201,
      60_000,
    );
    expect(placed.body.status).toBe('CONFIRMED');
    const orders = await expectInvariants(system.adminUrl, new Map([[productId, UNITS]]));
    for (const { status } of orders) expect(status).toBe('CONFIRMED');
    expect((await sessions(system.adminUrl)).hanging).toBe(0);
  }, 240_000);
});
