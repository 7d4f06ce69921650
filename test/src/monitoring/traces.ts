// One trace for each request: from the gateway through its plan, the subgraphs, SQL and Redis, and across the queue.
import { randomBytes } from 'node:crypto';
import { expect, it } from '@jest/globals';
import { eventually, secretsUsed } from '../support/client.ts';
import { inspect } from '../support/invariants.ts';
import type { ReceivedSpan } from '../support/otlp.ts';
import { account, client, product, receiver, recorder, staff, system } from './watched-shop.ts';

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

it('makes one trace of an order: REST, price, SQL, and both workers across the queue', async () => {
  const placing = `gateway POST /orders > ${FETCH} > orders POST /graphql`;
  const reserving = `${placing} > products job reserve-stock`;
  await trace(
    async (headers) => {
      const body = { product_id: product.id, quantity: 1 };
      const { status } = await client.rest('POST', '/orders', { token: account.token, body, headers });
      expect(status).toBe(201);
    },
    [
      `${placing} > orders price of product > products POST /graphql`,
      `${placing} > orders sql orders_insert`,
      `${reserving} > products sql reservations_reserve`,
      `${reserving} > orders job settle-order > orders sql orders_settle`,
    ],
  );
});

it('makes one trace of a GraphQL operation that needs a plan, every service and Redis', async () => {
  const fetching = `gateway POST /graphql > ${FETCH}`;
  const query = 'query Mine { me { username orders { edges { node { product { name } } } } } }';
  const spans = await trace(
    async (headers) => {
      const { errors } = await client.graphql(query, {}, account.token, headers);
      expect(errors).toEqual([]);
    },
    [
      'gateway POST /graphql > gateway gateway.plan',
      `${fetching} > users POST /graphql > users sql users_accounts_by_ids`,
      `${fetching} > orders POST /graphql > orders sql orders_page`,
      `${fetching} > products POST /graphql > products redis`,
    ],
  );
  expect(spans.every((path) => path.startsWith('gateway POST /graphql'))).toBe(true);
});

it('has a span for the plan of a REST call', async () => {
  // The plan is made once, so no other test of this shop may make this call.
  await trace(
    async (headers) => {
      const { status } = await client.rest('GET', '/audit-events', { token: staff.token, headers });
      expect(status).toBe(200);
    },
    ['gateway GET /audit-events > gateway gateway.plan'],
  );
});

it('writes the ids of trace and span into the log lines of every service and of the workers', async () => {
  const traceId = randomBytes(16).toString('hex');
  const headers = { traceparent: `00-${traceId}-${randomBytes(8).toString('hex')}-01` };
  const body = { product_id: product.id, quantity: 1 };
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
  const request = async (query: string) => {
    const traceId = randomBytes(16).toString('hex');
    const traceparent = `00-${traceId}-${randomBytes(8).toString('hex')}-01`;
    await client.graphql(query, {}, account.token, { traceparent });
    const isOfGateway = ({ service, name }: ReceivedSpan) =>
      service === 'gateway' && name === 'POST /graphql';
    const find = async () => receiver.spansOf(traceId).find(isOfGateway);
    return eventually(find, (span) => span !== undefined, 15_000);
  };
  expect((await request('{ order(id: "x") { id } }'))?.failed).toBe(false);
  await inspect(system.adminUrl, (admin) =>
    admin.query('REVOKE SELECT ON orders.orders FROM orders_service'),
  );
  try {
    const failed = await request('{ orders { edges { cursor } } }');
    expect(failed?.attributes['http.response.status_code']).toBe(200);
    expect(failed?.failed).toBe(true);
  } finally {
    await inspect(system.adminUrl, (admin) => admin.query('GRANT SELECT ON orders.orders TO orders_service'));
  }
});

it('records no span of a request that its caller has not sampled', async () => {
  const traceId = randomBytes(16).toString('hex');
  const traceparent = `00-${traceId}-${randomBytes(8).toString('hex')}-00`;
  const body = { product_id: product.id, quantity: 1 };
  await client.rest('POST', '/orders', { token: account.token, body, headers: { traceparent } });
  await trace((headers) => client.rest('GET', '/products', { headers }), ['gateway GET /products']);
  expect(receiver.spansOf(traceId)).toEqual([]);
});

it('passes only the traceparent of a stranger to every service and job, and no tracestate or baggage', async () => {
  const traceId = randomBytes(16).toString('hex');
  const strange = { tracestate: 'vendor=strange-state', baggage: 'user=strange-baggage' };
  const headers = { traceparent: `00-${traceId}-${randomBytes(8).toString('hex')}-01`, ...strange };
  await client.rest('GET', '/profile', { token: account.token, headers });
  expect(recorder.text()).toContain(`traceparent: 00-${traceId}-`);
  expect(recorder.text()).not.toContain('strange');
  const body = { product_id: product.id, quantity: 1 };
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
