// One trace for each request: from the gateway through its plan, the subgraphs, SQL and Redis, and across the queue. A collector that
// hangs or is away delays no request and no shutdown.
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { createServer as createTcpServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { findFreePort } from '@holdfast/local/processes/ports';
import { ROOT } from '@holdfast/local/settings/settings';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Account, Client, eventually, secretsUsed } from '../support/client.ts';
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from '../support/otlp.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { askSubgraph } from '../support/subgraph.ts';
import { type AnotherInstance, type System, startSystem } from '../support/system.ts';

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

/** Sends a request in a new trace. Resolves with a path for each span: the names from the root of the trace to the span. */
async function trace(
  request: (headers: Record<string, string>) => Promise<unknown>,
  awaited: readonly string[],
): Promise<string[]> {
  const traceId = randomBytes(16).toString('hex');
  await request({ traceparent: `00-${traceId}-${randomBytes(8).toString('hex')}-01` });
  return eventually(
    async () => listPaths(receiver.spansOf(traceId)),
    (seen) => awaited.every((path) => seen.includes(path)),
    15_000,
  );
}

function listPaths(spans: readonly ReceivedSpan[]): string[] {
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  const pathOf = (span: ReceivedSpan): string => {
    const parent = span.parentSpanId === undefined ? undefined : byId.get(span.parentSpanId);
    const step = `${span.service} ${span.name}`;
    return parent ? `${pathOf(parent)} > ${step}` : step;
  };
  return spans.map(pathOf);
}

const FETCH = 'gateway gateway.execute > gateway gateway.fetch';

it('makes one trace of an order: REST, plan, price, SQL, and both workers across the queue', async () => {
  const placing = `gateway POST /orders > ${FETCH} > orders POST /graphql`;
  const reserving = `${placing} > products job reserve-stock`;
  await trace(
    async (headers) => {
      const body = { product_id: productId, quantity: 1 };
      const { status } = await client.rest('POST', '/orders', { token: account.token, body, headers });
      expect(status).toBe(201);
    },
    [
      `gateway POST /orders > gateway gateway.plan`,
      `${placing} > orders price of product > products POST /graphql`,
      `${placing} > orders sql orders_insert`,
      `${reserving} > products sql reservations_reserve`,
      `${reserving} > orders job settle-order > orders sql orders_settle`,
    ],
  );
});

it('makes one trace of a GraphQL operation that needs every service and Redis', async () => {
  const fetching = `gateway POST /graphql > ${FETCH}`;
  const query = 'query Mine { me { username orders { edges { node { product { name } } } } } }';
  const spans = await trace(
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

it('has a span for each statement of a transaction', async () => {
  const { token, password } = await client.account();
  const input = { currentPassword: password, newPassword: `better horse ${randomBytes(9).toString('hex')}` };
  secretsUsed.add(input.newPassword);
  const changing = `gateway POST /graphql > ${FETCH} > users POST /graphql`;
  const change = 'mutation ($input: ChangePasswordInput!) { changePassword(input: $input) { __typename } }';
  await trace(
    (headers) => client.graphql(change, { input }, token, headers),
    [`${changing} > users sql users_password_replace`, `${changing} > users sql users_session_end_all`],
  );
});

it('marks a span as failed for an error of ours, though GraphQL answers 200, and not for an error of the caller', async () => {
  const request = async (query: string, awaited: string) => {
    const traceId = randomBytes(16).toString('hex');
    const traceparent = `00-${traceId}-${randomBytes(8).toString('hex')}-01`;
    await client.graphql(query, {}, account.token, { traceparent });
    const find = async () => receiver.spansOf(traceId).find(({ name }) => name === awaited);
    return eventually(find, (span) => span !== undefined, 15_000);
  };
  expect((await request('{ order(id: "x") { id } }', 'POST /graphql'))?.failed).toBe(false);
  await system.kill('orders');
  const failed = await request('{ orders { edges { cursor } } }', 'POST /graphql');
  await system.restart('orders');
  expect(failed?.service).toBe('gateway');
  expect(failed?.attributes['http.response.status_code']).toBe(200);
  expect(failed?.failed).toBe(true);
});

it('records no span of a request that its caller has not sampled', async () => {
  const traceId = randomBytes(16).toString('hex');
  const traceparent = `00-${traceId}-${randomBytes(8).toString('hex')}-00`;
  const body = { product_id: productId, quantity: 1 };
  await client.rest('POST', '/orders', { token: account.token, body, headers: { traceparent } });
  await trace((headers) => client.rest('GET', '/products', { headers }), ['gateway GET /products']);
  expect(receiver.spansOf(traceId)).toEqual([]);
});

it('passes only the traceparent of a stranger to every service and job, and no tracestate or baggage', async () => {
  const received: IncomingHttpHeaders[] = [];
  const sdl = await readFile(join(ROOT, 'subgraphs/products/schema.graphql'), 'utf8');
  const subgraph = createServer(async (request, response) => {
    // A gateway requests the schema when it starts.
    const isStart = (await text(request)).includes('_service');
    if (!isStart) received.push(request.headers);
    const data = isStart ? { _service: { sdl } } : { products: null };
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ data }));
  });
  await new Promise<void>((resolve) => subgraph.listen(0, '127.0.0.1', resolve));
  const address = subgraph.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const gateway = await system.another('gateway', { PRODUCTS_URL: `http://127.0.0.1:${port}/graphql` });
  const traceId = randomBytes(16).toString('hex');
  const strange = { tracestate: 'vendor=strange-state', baggage: 'user=strange-baggage' };
  const headers = { traceparent: `00-${traceId}-${randomBytes(8).toString('hex')}-01`, ...strange };
  await fetch(`${gateway.url}/products`, { headers });
  await gateway.stop();
  subgraph.close();
  expect(received.map(({ traceparent }) => traceparent?.slice(0, 35))).toEqual([`00-${traceId}`]);
  expect(JSON.stringify(received)).not.toContain('strange');
  const body = { product_id: productId, quantity: 1 };
  await client.rest('POST', '/orders', { token: account.token, body, headers });
  await eventually(
    async () => receiver.spansOf(traceId).map(({ name }) => name),
    (names) => names.includes('job settle-order'),
    15_000,
  );
  expect(receiver.text()).not.toContain('strange');
});

it('keeps only the beginning of a long operation name', async () => {
  const traceId = randomBytes(16).toString('hex');
  const headers = { traceparent: `00-${traceId}-${randomBytes(8).toString('hex')}-01` };
  const name = 'n'.repeat(50_000);
  await client.graphql(`query ${name} { __typename }`, {}, undefined, headers);
  const spans = await eventually(
    async () => receiver.spansOf(traceId),
    (seen) => seen.some((span) => span.name === 'POST /graphql'),
    15_000,
  );
  const names = spans.map(({ attributes }) => attributes['graphql.operation.name'] ?? '');
  expect(names).toContain(name.slice(0, 256));
  expect(names).not.toContain(name);
});

it('sends no secret of a caller', async () => {
  const login = { username: account.username, password: account.password };
  const atUsers = (route: string) => [`gateway ${route} > ${FETCH} > users POST /graphql`];
  await trace((headers) => client.rest('POST', '/login', { body: login, headers }), atUsers('POST /login'));
  const mutation = `mutation { login(input: { username: "${login.username}", password: "${login.password}" }) { __typename } }`;
  await trace((headers) => client.graphql(mutation, {}, undefined, headers), atUsers('POST /graphql'));
  await trace(
    (headers) => client.rest('GET', '/profile', { token: account.token, headers }),
    atUsers('GET /profile'),
  );
  for (const secret of secretsUsed) expect(receiver.text()).not.toContain(secret);
});

describe('with a collector that is away or hangs', () => {
  const linesSince = (start: number) =>
    system
      .logs()
      .slice(start)
      .map((line) => JSON.parse(line));

  /** `stop` kills a process that does not end within 25 s, and a killed process does not log that it ended. */
  async function expectGoodEnd(service: 'gateway' | 'orders', instance: AnotherInstance): Promise<void> {
    const before = system.logs().length;
    await instance.stop();
    const lines = linesSince(before).filter((line) => line.service === service);
    expect(lines.at(-1)?.msg).toBe('ended');
    expect(lines.filter(({ level }) => level === 'fatal')).toEqual([]);
  }

  it('a service logs once that traces are lost, and ends in time and without an error', async () => {
    const before = system.logs().length;
    const orders = await system.another('orders', {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await findFreePort()}`,
      OTEL_EXPORTER_OTLP_TIMEOUT: '200',
    });
    const call = { query: '{ __typename }', url: `${orders.url}/graphql` };
    const findLost = () =>
      linesSince(before).filter(({ msg }) => msg === 'traces cannot be sent and are lost');
    await askSubgraph(system, 'orders', call);
    await eventually(
      async () => findLost().length,
      (count) => count > 0,
    );
    for (let count = 0; count < 2; count += 1) await askSubgraph(system, 'orders', call);
    await expectGoodEnd('orders', orders);
    expect(findLost()).toHaveLength(1);
    expect(findLost()[0]).not.toHaveProperty('trace_id');
  });

  it('the gateway ends in time and without an error', async () => {
    const sockets = new Set<Socket>();
    let bytes = 0;
    const hanging = createTcpServer((socket) => {
      sockets.add(socket);
      socket.on('data', (chunk) => (bytes += chunk.length)).on('error', () => undefined);
    });
    await new Promise<void>((resolve) => hanging.listen(0, '127.0.0.1', resolve));
    const address = hanging.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const gateway = await system.another('gateway', {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
    });
    await (await fetch(`${gateway.url}/products`)).arrayBuffer();
    await eventually(
      async () => bytes,
      (count) => count > 0,
    );
    await expectGoodEnd('gateway', gateway);
    for (const socket of sockets) socket.destroy();
    hanging.close();
  });
});
