// Buyers who order and cancel all the time while a test kills processes.
import { expect } from '@jest/globals';
import type { Account, Client } from '../support/client.ts';

const BUYERS = 4;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** An attempt whose reply is lost is made again with the same idempotency key. */
export class OrderLoad {
  /** Ids of orders whose placement or cancellation was answered. */
  readonly answered = new Set<string>();
  readonly cancelled = new Set<string>();
  placed = 0;
  retries = 0;
  #isRunning = true;
  readonly #client: Client;
  readonly #buyers: Promise<void>[];

  constructor(client: Client, accounts: readonly Account[], productIds: readonly string[]) {
    this.#client = client;
    this.#buyers = Array.from({ length: BUYERS }, (_, index) => this.#buy(index, accounts, productIds));
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    await Promise.all(this.#buyers);
  }

  async #buy(index: number, accounts: readonly Account[], productIds: readonly string[]): Promise<void> {
    const account = accounts[index % accounts.length];
    for (let count = 0; this.#isRunning && account; count += 1) {
      const productId = productIds[(index + count) % productIds.length];
      const body = { product_id: productId, quantity: 1 + (count % 3) };
      const id = await this.#place(account, body, crypto.randomUUID());
      this.placed += 1;
      if (count % 4 === 0) await this.#cancel(account, id);
      await pause(100);
    }
  }

  async #place(account: Account, body: unknown, key: string): Promise<string> {
    for (;;) {
      const reply = await this.#client
        .rest('POST', '/orders', { token: account.token, body, headers: { 'idempotency-key': key } })
        .catch(() => undefined);
      if (reply?.status === 201 || reply?.status === 202) {
        const id = String(reply.body.id);
        this.answered.add(id);
        return id;
      }
      // These orders are valid, so the only acceptable failure is that the system is not available.
      if (reply) expect([500, 503]).toContain(reply.status);
      this.retries += 1;
      await pause(50);
    }
  }

  async #cancel(account: Account, id: string): Promise<void> {
    const { token } = account;
    const seen = await this.#client.rest('GET', `/orders/${id}`, { token }).catch(() => undefined);
    if (seen?.body?.status !== 'CONFIRMED') return;
    const headers = { 'if-match': `"${seen.body.version}"` };
    const reply = await this.#client
      .rest('POST', `/orders/${id}/cancel`, { token, headers })
      .catch(() => undefined);
    if (reply?.status === 200) this.cancelled.add(id);
  }
}
