// "Whatever dies at whatever moment": processes are killed under load, started again, and nothing is lost or doubled.
import { beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { type Account, Client, eventually } from '../support/client.ts';
import { expectInvariants } from '../support/invariants.ts';
import { minutes, timeLimitMs } from '../support/long.ts';
import { useSystem } from '../support/use-system.ts';

type Victim = 'orders' | 'products' | 'postgres';

const ROUNDS_EACH = 4;
const MINUTES = minutes();
const BUYERS = 6;
const UNITS = 1_000_000;

const system = useSystem({ ownPostgres: true, env: { QUEUE_LEASE_MS: '1500' } });
let client: Client;
let accounts: Account[];

beforeAll(async () => {
  client = await Client.of(system.url);
  accounts = await Promise.all(Array.from({ length: 3 }, () => client.account()));
});

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Buys and cancels without a break; a try whose reply is lost is made again with the same key. */
class Load {
  readonly told = new Set<string>();
  readonly cancelled = new Set<string>();
  placed = 0;
  retries = 0;
  #running = true;
  readonly #buyers: Promise<void>[];

  constructor(productIds: readonly string[]) {
    this.#buyers = Array.from({ length: BUYERS }, (_, index) => this.#buy(index, productIds));
  }

  async stop(): Promise<void> {
    this.#running = false;
    await Promise.all(this.#buyers);
  }

  async #buy(index: number, productIds: readonly string[]): Promise<void> {
    const account = accounts[index % accounts.length];
    for (let count = 0; this.#running && account; count += 1) {
      const productId = productIds[(index + count) % productIds.length];
      const order = await this.#place(
        account,
        { product_id: productId, quantity: 1 + (count % 3) },
        crypto.randomUUID(),
      );
      this.placed += 1;
      if (count % 4 === 0) await this.#cancel(account, order.id);
    }
  }

  async #place(account: Account, body: unknown, key: string): Promise<{ id: string }> {
    for (;;) {
      const reply = await client
        .rest('POST', '/orders', { token: account.token, body, headers: { 'idempotency-key': key } })
        .catch(() => undefined);
      if (reply?.status === 201 || reply?.status === 202) {
        const id = String(reply.body.id);
        this.told.add(id);
        return { id };
      }
      // Anything but "not right now" is an error of the system: nothing else can be the matter with these orders.
      if (reply) expect([500, 503]).toContain(reply.status);
      this.retries += 1;
      await pause(50);
    }
  }

  async #cancel(account: Account, id: string): Promise<void> {
    const seen = await client.rest('GET', `/orders/${id}`, { token: account.token }).catch(() => undefined);
    if (seen?.body?.status !== 'CONFIRMED') return;
    const reply = await client
      .rest('POST', `/orders/${id}/cancel`, {
        token: account.token,
        headers: { 'if-match': `"${seen.body.version}"` },
      })
      .catch(() => undefined);
    if (reply?.status === 200) this.cancelled.add(id);
  }
}

/** The moment of the kill: a random one, or just after a job has been put into the queue. */
async function moment(round: number): Promise<void> {
  if (round % 2 === 0) return void (await pause(Math.random() * 400));
  const listener = new pg.Client({ connectionString: system.adminUrl });
  listener.on('error', () => undefined);
  await listener.connect();
  await listener.query('LISTEN "jobs:insert"');
  await new Promise((resolve) => listener.once('notification', resolve));
  await listener.end();
  await pause(Math.random() * 8);
}

async function crash(victim: Victim, round: number): Promise<void> {
  await moment(round);
  if (victim === 'postgres') await system.killPostgres();
  else await system.kill(victim);
  await pause(Math.random() * 200);
  if (victim === 'postgres') await system.restartPostgres();
  else await system.restart(victim);
}

describe('crashes under load', () => {
  it(
    'lose, double and oversell no order',
    async () => {
      const products = await Promise.all(
        Array.from({ length: 3 }, () => client.product(accounts[0]?.token ?? '', { stock: UNITS })),
      );
      const productIds = products.map(({ id }) => id);
      const load = new Load(productIds);
      const until = MINUTES === undefined ? undefined : Date.now() + MINUTES * 60_000;
      const victims: Victim[] = ['orders', 'products', 'postgres'];
      let rounds = 0;
      while (until === undefined ? rounds < ROUNDS_EACH * victims.length : Date.now() < until) {
        const before = load.placed;
        await crash(victims[rounds % victims.length] ?? 'orders', Math.floor(rounds / victims.length));
        rounds += 1;
        // The next kill comes once orders go through again.
        await eventually(
          async () => load.placed,
          (placed) => placed > before + BUYERS,
          60_000,
        );
      }
      await load.stop();
      const orders = await expectInvariants(system.adminUrl, new Map(productIds.map((id) => [id, UNITS])));
      const existing = new Map(orders.map(({ id, status }) => [id, status]));
      for (const id of load.told) expect(existing.has(id)).toBe(true);
      for (const id of load.cancelled) expect(existing.get(id)).toBe('CANCELLED');
      for (const { status } of orders) expect(['CONFIRMED', 'CANCELLED']).toContain(status);
      expect(orders.length).toBe(load.placed);
      console.info(
        `${rounds} kills, ${load.placed} orders, ${load.retries} retries, ${load.cancelled.size} cancelled`,
      );
    },
    timeLimitMs(240_000),
  );
});
