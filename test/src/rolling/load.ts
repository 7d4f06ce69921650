// Callers of every kind, without a pause. The load records each request that fails, and makes it again in the way that the contract
// offers. A request that still fails is lost.
import { createHttpPool } from '@holdfast/platform/http/client';
import type { Account } from '../support/client.ts';

export interface Failure {
  readonly what: string;
  readonly why: string;
  readonly atMs: number;
  repaired: boolean;
}

export interface LoadOptions {
  readonly url: string;
  readonly accounts: readonly Account[];
  /** The products that the callers buy. */
  readonly goods: readonly string[];
  /** The products that are edited, each by one editor. No caller buys them. */
  readonly edited: readonly string[];
}

interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: the body of a reply is what the system under test sent
  readonly body: any;
}

interface Call {
  readonly body?: unknown;
  readonly account?: Account | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * The pause between two requests of one caller. The processes get requests all the time, and the machine is not overloaded. It is
 * shorter than a client keeps an idle connection (MAX_IDLE_MS), so that requests meet connections to an instance that drains.
 */
const REST_MS = 900;
/** A login costs as much as twenty other requests. */
const LOGIN_REST_MS = 4_000;
const PATIENCE_MS = 20_000;
const TRIES = 200;
const ACROSS = `query($id: ID!) {
  product(id: $id) { name price stock version }
  me { username orders(first: 3) { edges { node { status totalPrice product { name } } } } } }`;
const EDIT = `mutation($id: ID!, $version: Int!, $description: String!) {
  updateProduct(id: $id, expectedVersion: $version, input: { description: $description }) {
    __typename ... on Product { version } ... on VersionConflict { currentVersion } } }`;
const LOOK = 'query($id: ID!) { product(id: $id) { version description } }';

function inTurn<T>(list: readonly T[], turn: number): T {
  const found = list[turn % list.length];
  if (found === undefined) throw new Error('expected at least one element');
  return found;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

export class Load {
  readonly failures: Failure[] = [];
  /** Orders whose placement was answered. */
  readonly answered = new Set<string>();
  readonly cancelled = new Set<string>();
  /** The number of edits, by product. */
  readonly edits = new Map<string, number>();
  requests = 0;
  placed = 0;
  #running = true;
  readonly #pool;
  readonly #callers: Promise<void>[];
  readonly #startedAt = performance.now();

  constructor({ url, accounts, goods, edited }: LoadOptions) {
    this.#pool = createHttpPool({ url, connections: 16, maxAgeMs: 5_000 });
    this.#callers = [
      this.#repeat((turn) => this.#list(turn)),
      this.#repeat((turn) => this.#read(inTurn(goods, turn))),
      this.#repeat((turn) => this.#readAcross(inTurn(goods, turn), inTurn(accounts, turn))),
      this.#repeat((turn) => this.#login(inTurn(accounts, turn)), LOGIN_REST_MS),
      ...accounts.map((account) => this.#repeat((turn) => this.#buy(account, inTurn(goods, turn), turn))),
      ...edited.map((id, index) => this.#repeat(() => this.#edit(id, inTurn(accounts, index)))),
    ];
  }

  /** Ends the load, and waits for the requests that it has sent. */
  async stop(): Promise<void> {
    this.#running = false;
    await Promise.all(this.#callers);
    if (!this.#pool.closed) await this.#pool.close();
  }

  get unrepaired(): Failure[] {
    return this.failures.filter(({ repaired }) => !repaired);
  }

  async #repeat(work: (turn: number) => Promise<unknown>, restMs = REST_MS): Promise<void> {
    for (let turn = 0; this.#running; turn += 1) {
      await work(turn);
      await pause(restMs);
    }
  }

  /** Runs a request. When it fails, records the failure and runs `again` until that succeeds. */
  async #insist<T>(what: string, work: () => Promise<T>, again = work): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      const atMs = Math.round(performance.now() - this.#startedAt);
      const failure: Failure = { what, why: describeReason(error), atMs, repaired: false };
      this.failures.push(failure);
      for (let tries = 0; tries < TRIES; tries += 1) {
        await pause(100);
        const result = await again().then(
          (value) => ({ value }),
          () => undefined,
        );
        if (result === undefined) continue;
        failure.repaired = true;
        return result.value;
      }
      return undefined;
    }
  }

  /** One request. @throws when there is no reply, or one with none of these statuses */
  async #send(method: 'GET' | 'POST', path: string, expected: number[], call: Call = {}): Promise<Answer> {
    const { body, account, headers } = call;
    this.requests += 1;
    const reply = await this.#pool.request({
      method,
      path,
      headers: {
        ...headers,
        ...(account && { authorization: `Bearer ${account.token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    const text = await reply.body.text();
    if (!expected.includes(reply.statusCode)) throw new Error(`${reply.statusCode} ${text}`);
    return { status: reply.statusCode, body: JSON.parse(text) };
  }

  /** One GraphQL request. @throws also when part of the data is missing */
  async #graphql(query: string, variables: unknown, account?: Account) {
    const { body } = await this.#send('POST', '/graphql', [200], { body: { query, variables }, account });
    if (body.errors) throw new Error(JSON.stringify(body.errors));
    return body.data;
  }

  #list(turn: number) {
    return this.#insist('list', () => this.#send('GET', `/products?limit=${5 + (turn % 5)}`, [200]));
  }

  #read(id: string) {
    return this.#insist('read', () => this.#send('GET', `/products/${id}`, [200]));
  }

  #readAcross(id: string, account: Account) {
    return this.#insist('read across services', () => this.#graphql(ACROSS, { id }, account));
  }

  #login({ username, password }: Account) {
    return this.#insist('login', () => this.#send('POST', '/login', [200], { body: { username, password } }));
  }

  async #buy(account: Account, productId: string, turn: number): Promise<void> {
    const order = {
      account,
      body: { product_id: productId, quantity: 1 + (turn % 3) },
      headers: { 'idempotency-key': crypto.randomUUID() },
    };
    const placed = await this.#insist('order', () => this.#send('POST', '/orders', [201, 202], order));
    if (!placed) return;
    this.placed += 1;
    const orderId = String(placed.body.id);
    this.answered.add(orderId);
    const read = () => this.#send('GET', `/orders/${orderId}`, [200], { account });
    const seen = await this.#insist('read an order', read);
    if (turn % 3 !== 0 || seen?.body.status !== 'CONFIRMED') return;
    const cancel = ({ body: { id, version } }: Answer) =>
      this.#send('POST', `/orders/${id}/cancel`, [200], { account, headers: { 'if-match': `"${version}"` } });
    // The order may have been cancelled although no reply arrived.
    const again = async () => {
      const now = await read();
      return now.body.status === 'CANCELLED' ? now : cancel(now);
    };
    if (await this.#insist('cancel', () => cancel(seen), again)) this.cancelled.add(orderId);
  }

  /** A compare-and-swap without a competitor, which must succeed exactly once. */
  async #edit(id: string, account: Account): Promise<void> {
    const description = crypto.randomUUID();
    const look = async () => (await this.#graphql(LOOK, { id })).product;
    const swap = async ({ version }: { version: number }) => {
      const { updateProduct: outcome } = await this.#graphql(EDIT, { id, version, description }, account);
      if (outcome.version !== version + 1) throw new Error(JSON.stringify(outcome));
    };
    const again = async () => {
      const now = await look();
      if (now.description !== description) await swap(now);
    };
    const seen = await this.#insist('look', look);
    if (!seen) return;
    await this.#insist('edit', () => swap(seen), again);
    this.edits.set(id, (this.edits.get(id) ?? 0) + 1);
  }
}

/** The code of an error of the connection says more than its message. */
function describeReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error ? `${String(error.code)} ` : '';
  return `${code}${error.message}`;
}
