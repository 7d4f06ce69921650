// One trace a request: from the gateway through its plan, the subgraphs, SQL and Redis, and across the queue.
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type Account, Client, eventually, secretsUsed } from '../support/client.js';
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from '../support/otlp.js';
import { type RedisServer, startRedis } from '../support/redis.js';
import { type System, startSystem } from '../support/system.js';

let receiver: OtlpReceiver;
let redis: RedisServer;
let system: System;
let client: Client;
let account: Account;
let productId: string;

beforeAll(async () => {
  [receiver, redis] = await Promise.all([startOtlpReceiver(), startRedis()]);
  system = await startSystem({
    env: {
      REDIS_URL: redis.url,
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_BSP_SCHEDULE_DELAY: '100',
    },
  });
  client = await Client.of(system.url);
  account = await client.account();
  productId = (await client.product(account.token)).id;
}, 60_000);
afterAll(async () => {
  await system?.stop();
  await redis?.stop();
  await receiver?.stop();
});

/** Sends a request in a trace of its own, and gives each of its spans as the names from the root down to it. */
async function traceOf(
  request: (headers: Record<string, string>) => Promise<unknown>,
  awaited: readonly string[],
): Promise<string[]> {
  const traceId = randomBytes(16).toString('hex');
  await request({ traceparent: `00-${traceId}-${randomBytes(8).toString('hex')}-01` });
  return eventually(
    async () => paths(receiver.spansOf(traceId)),
    (seen) => awaited.every((path) => seen.includes(path)),
    5_000,
  );
}

function paths(spans: readonly ReceivedSpan[]): string[] {
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  const pathOf = (span: ReceivedSpan): string => {
    const parent = span.parentSpanId === undefined ? undefined : byId.get(span.parentSpanId);
    const step = `${span.service} ${span.name}`;
    return parent ? `${pathOf(parent)} > ${step}` : step;
  };
  return spans.map(pathOf);
}

const REQUEST = 'gateway gateway.request';
const FETCH = `${REQUEST} > gateway gateway.execute > gateway gateway.fetch`;

it('makes one trace of an order: REST, plan, price, SQL, and both workers across the queue', async () => {
  const placing = `gateway POST /orders > ${FETCH} > orders POST /graphql`;
  const reserving = `${placing} > products job reserve-stock`;
  await traceOf(
    async (headers) => {
      const body = { product_id: productId, quantity: 1 };
      const { status } = await client.rest('POST', '/orders', { token: account.token, body, headers });
      expect(status).toBe(201);
    },
    [
      `gateway POST /orders > ${REQUEST} > gateway gateway.plan`,
      `${placing} > orders price of product > products POST /graphql`,
      `${placing} > orders sql orders_insert_pending`,
      `${reserving} > products sql reservations_reserve`,
      `${reserving} > orders job settle-order > orders sql orders_settle`,
    ],
  );
});

it('makes one trace of a GraphQL operation that crosses every service, Redis among them', async () => {
  const fetching = `gateway POST /graphql > ${FETCH}`;
  const query = 'query Mine { me { username orders { edges { node { product { name } } } } } }';
  const spans = await traceOf(
    async (headers) => {
      const { errors } = await client.graphql(query, {}, account.token, headers);
      expect(errors).toEqual([]);
    },
    [
      `${fetching} > users POST /graphql > users sql users_accounts_by_ids`,
      `${fetching} > orders POST /graphql > orders sql orders_page`,
      `${fetching} > products POST /graphql > products redis`,
    ],
  );
  expect(spans.every((path) => path.startsWith('gateway POST /graphql'))).toBe(true);
});

it('writes the ids of trace and span into the log lines of every service and of the workers', async () => {
  const traceId = randomBytes(16).toString('hex');
  const headers = { traceparent: `00-${traceId}-${randomBytes(8).toString('hex')}-01` };
  const body = { product_id: productId, quantity: 1 };
  await client.rest('POST', '/orders', { token: account.token, body, headers });
  const seen = await eventually(
    async () =>
      system
        .logs()
        .filter((line) => line.includes(traceId))
        .map((line) => JSON.parse(line)),
    (lines) => new Set(lines.map(({ service, msg }) => `${service} ${msg}`)).size === 5,
  );
  expect(new Set(seen.map(({ service, msg }) => `${service} ${msg}`))).toEqual(
    new Set(['gateway request', 'orders request', 'products request', 'products job', 'orders job']),
  );
  for (const { span_id } of seen) expect(span_id).toMatch(/^[0-9a-f]{16}$/);
});

it('sends nothing that a caller keeps secret', async () => {
  const login = { username: account.username, password: account.password };
  await client.rest('POST', '/login', { body: login });
  await client.graphql(
    `mutation { login(input: { username: "${login.username}", password: "${login.password}" }) { __typename } }`,
  );
  const before = receiver.text().length;
  await client.rest('GET', '/profile', { token: account.token });
  await eventually(
    async () => receiver.text().length,
    (length) => length > before,
  );
  for (const secret of secretsUsed) expect(receiver.text()).not.toContain(secret);
});
