// The contract of orders: what customers do by REST, and what only staff do, by GraphQL and REST. The client also checks every REST
// reply against /openapi.json.

import { ADVANCES, ORDER_STATUSES } from '@holdfast/orders/domain/order-status';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { type Account, eventually } from '../support/client.ts';
import { UNKNOWN_ID } from '../support/ids.ts';
import { expectProblem, fieldsOf } from '../support/problems.ts';
import { useAccount, useShop, useStaff } from '../support/shop.ts';

const { system, client, account } = useShop();

describe('orders', () => {
  const place = (body: unknown, headers: Record<string, string> = {}) =>
    client.rest('POST', '/orders', { token: account.token, body, headers });

  it('POST /orders answers 201 with Location and the order', async () => {
    const product = await client.product(account.token, { price: 2.35, stock: 5 });
    const reply = await place({ product_id: product.id, quantity: 3 });
    expect(reply.status).toBe(201);
    expect(reply.headers.get('location')).toBe(`/orders/${reply.body.id}`);
    expect(reply.body).toMatchObject({
      user_id: Number(account.id),
      product_id: Number(product.id),
      quantity: 3,
      unit_price: 2.35,
      total_price: 7.05,
      status: 'CONFIRMED',
      rejection: null,
      version: 2,
    });
    const one = await client.rest('GET', `/orders/${reply.body.id}`, { token: account.token });
    expect(one.headers.get('etag')).toBe('"2"');
    expect(one.body.history.map(({ status }: { status: string }) => status)).toEqual([
      'PENDING',
      'CONFIRMED',
    ]);
    const list = await client.rest('GET', '/orders?limit=1', { token: account.token });
    expect(list.body[0].id).toBe(reply.body.id);
  });

  it('POST /orders names the invalid member', async () => {
    const product = await client.product(account.token, { stock: 1 });
    const short = await place({ product_id: product.id, quantity: 2 });
    expectProblem(short, 409, 'OUT_OF_STOCK');
    expect(short.body.available).toBe(1);
    expectProblem(await place({ product_id: UNKNOWN_ID, quantity: 1 }), 404, 'PRODUCT_NOT_FOUND');
    const invalid = await place({ product_id: product.id, quantity: 0 });
    expect(invalid.status).toBe(400);
    expect(fieldsOf(invalid.body)).toEqual(['quantity']);
    const priced = await place({
      product_id: product.id,
      quantity: 1,
      total_price: 0.01,
      user_id: UNKNOWN_ID,
    });
    expect(priced.status).toBe(400);
    expect(fieldsOf(priced.body)).toEqual(['total_price', 'user_id']);
  });

  it('POST /orders refuses a total above the greatest price, and places no order', async () => {
    const product = await client.product(account.token, { price: 50_000_000, stock: 5 });
    const refused = await place({ product_id: product.id, quantity: 2 });
    expectProblem(refused, 400, 'INVALID_INPUT');
    expect(refused.body.errors).toEqual([
      {
        field: 'quantity',
        message: 'expected a total price of at most 99999999.99, got 2 × 50000000.00 = 100000000.00',
      },
    ]);
    expect((await place({ product_id: product.id, quantity: 1 })).body.total_price).toBe(50_000_000);
  });

  it('finds no order for a text that is not an id', async () => {
    const CANCEL = `mutation($id: ID!) { cancelOrder(id: $id, expectedVersion: 1) {
      __typename ... on Problem { code message } } }`;
    for (const id of ['0', '-1', '1.5', '01', 'nonsense', '9007199254740993', '1'.repeat(40)]) {
      const read = await client.graphql('query($id: ID!) { order(id: $id) { id } }', { id }, account.token);
      expect(read).toMatchObject({ data: { order: null }, errors: [] });
      const { data } = await client.graphql(CANCEL, { id }, account.token);
      expect(data.cancelOrder).toEqual({
        __typename: 'OrderNotFound',
        code: 'ORDER_NOT_FOUND',
        message: `There is no order "${id}".`,
      });
      const reply = await client.rest('GET', `/orders/${id}`, { token: account.token });
      expectProblem(reply, 404, 'ORDER_NOT_FOUND');
    }
  });

  it('are placed without an idempotency key', async () => {
    const product = await client.product(account.token);
    // Our own client sends a key by itself.
    const reply = await fetch(`${system.url}/orders`, {
      method: 'POST',
      headers: { authorization: `Bearer ${account.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ product_id: Number(product.id), quantity: 1 }),
    });
    expect([201, 202]).toContain(reply.status);
  });

  it('gets the same reply for the same key, even a rejection', async () => {
    const product = await client.product(account.token, { stock: 1 });
    const headers = { 'idempotency-key': '"8e03978e-40d5-43dd-bc93-6894a57f9324"' };
    const short = await place({ product_id: product.id, quantity: 2 }, headers);
    expect(short.status).toBe(409);
    await client.rest('PATCH', `/products/${product.id}`, {
      token: account.token,
      headers: { 'if-match': '*' },
      body: { stock: 50 },
    });
    const again = await place({ product_id: product.id, quantity: 2 }, headers);
    expect(again.status).toBe(409);
    expect(again.body.available).toBe(short.body.available);
  });

  it('shows the reason of a rejection on every read', async () => {
    const product = await client.product(account.token, { stock: 1 });
    const accepted = await place({ product_id: product.id, quantity: 2 }, { prefer: 'respond-async' });
    expect(accepted.status).toBe(202);
    expect(accepted.body).toMatchObject({ status: 'PENDING', rejection: null });
    const read = () => client.rest('GET', accepted.headers.get('location') ?? '', { token: account.token });
    const settled = await eventually(read, ({ body }) => body.status !== 'PENDING');
    const rejected = { status: 'REJECTED', rejection: { code: 'OUT_OF_STOCK', available: 1 } };
    expect(settled.body).toMatchObject(rejected);
    expect(settled.body.rejection).toMatchObject({ limit: null, held: null });
    const list = await client.rest('GET', '/orders?status=REJECTED&limit=1', { token: account.token });
    expect(list.body).toMatchObject([{ id: accepted.body.id, ...rejected }]);
    const { data } = await client.graphql(
      'query($id: ID!) { order(id: $id) { status rejection { code available } } }',
      { id: accepted.body.id },
      account.token,
    );
    expect(data.order).toEqual(rejected);
  });

  it('refuses more units than one order may have, and shows the reason on every read', async () => {
    const product = await client.product(account.token, { stock: 500 });
    const refused = await place({ product_id: product.id, quantity: 101 });
    expectProblem(refused, 409, 'PURCHASE_LIMIT');
    expect(refused.body).toMatchObject({ limit: 100, held: 0 });
    const list = await client.rest('GET', '/orders?status=REJECTED&limit=1', { token: account.token });
    expect(list.body[0].rejection).toEqual({ code: 'PURCHASE_LIMIT', available: 500, limit: 100, held: 0 });
    const input = { productId: product.id, quantity: 101 };
    const { data } = await client.graphql(
      `mutation($input: CreateOrderInput!) { createOrder(input: $input) {
        ... on PurchaseLimitReached { code message limit held } } }`,
      { input },
      account.token,
    );
    expect(data.createOrder).toEqual({
      code: 'PURCHASE_LIMIT',
      message: 'The order has 101 units; one order may have at most 100.',
      limit: 100,
      held: 0,
    });
    expect((await place({ product_id: product.id, quantity: 100 })).status).toBe(201);
  });

  it('obeys Prefer', async () => {
    const product = await client.product(account.token);
    const async = await place({ product_id: product.id, quantity: 1 }, { prefer: 'respond-async' });
    expect(async.status).toBe(202);
    expect(async.headers.get('preference-applied')).toBe('respond-async');
    expect(async.headers.get('location')).toBe(`/orders/${async.body.id}`);
    const waited = await place({ product_id: product.id, quantity: 1 }, { prefer: 'wait=5' });
    expect(waited.status).toBe(201);
    expect(waited.headers.get('preference-applied')).toBe('wait=5');
  });

  it('POST /orders/{id}/cancel cancels once', async () => {
    const product = await client.product(account.token);
    const { body: order } = await place({ product_id: product.id, quantity: 1 });
    const cancel = (headers: Record<string, string>, body?: unknown) =>
      client.rest('POST', `/orders/${order.id}/cancel`, { token: account.token, headers, body });
    expect((await cancel({})).status).toBe(428);
    const stale = await cancel({ 'if-match': '"1"' });
    expectProblem(stale, 412, 'PRECONDITION_FAILED');
    expect(stale.headers.get('etag')).toBe('"2"');
    for (const [body, field] of [
      [{ why: 'It is damaged.' }, 'why'],
      [{ reason: 7 }, 'reason'],
    ] as const) {
      const reply = await cancel({ 'if-match': '"2"' }, body);
      expectProblem(reply, 400, 'INVALID_INPUT');
      expect(fieldsOf(reply.body)).toEqual([field]);
    }
    // A client that sets the type of a body but sends none means an empty body.
    const cancelled = await cancel({ 'if-match': '"2"', 'content-type': 'application/json' });
    expect(cancelled.status).toBe(200);
    expect(cancelled.body).toMatchObject({ status: 'CANCELLED', version: 3 });
    expectProblem(await cancel({ 'if-match': '"3"' }), 409, 'ORDER_NOT_CANCELLABLE');
    const missing = await client.rest('POST', `/orders/${UNKNOWN_ID}/cancel`, {
      token: account.token,
      headers: { 'if-match': '"1"' },
    });
    expectProblem(missing, 404, 'ORDER_NOT_FOUND');
  });

  it('GET /orders filters by status', async () => {
    const list = await client.rest('GET', '/orders?status=CANCELLED&limit=100', { token: account.token });
    expect(list.body.length).toBeGreaterThan(0);
    for (const { status } of list.body) expect(status).toBe('CANCELLED');
  });
});

describe('orders and staff', () => {
  const owner = useAccount(client);
  const stranger = useAccount(client);
  const staff = useStaff(system, client);

  let orderId: string;
  const place = async (account: Account): Promise<string> => {
    const product = await client.product(staff.token);
    const { body } = await client.rest('POST', '/orders', {
      token: account.token,
      body: { product_id: product.id, quantity: 1 },
    });
    expect(body).toMatchObject({ status: 'CONFIRMED', version: 2 });
    return String(body.id);
  };
  beforeEach(async () => {
    orderId = await place(owner);
  });

  const statusOf = async (id: string): Promise<string> =>
    (await client.rest('GET', `/orders/${id}`, { token: staff.token })).body.status;

  const ADVANCE = `mutation($id: ID!, $version: Int!, $status: OrderStatus!) {
  advanceOrder(id: $id, expectedVersion: $version, status: $status) { __typename
    ... on Order { id status version history { status version } user { username } }
    ... on OrderVersionConflict { code currentVersion current { status } }
    ... on OrderNotAdvanceable { code current { status version } } ... on OrderNotFound { code } } }`;
  const ALL = `query($first: Int, $after: String, $status: OrderStatus, $userId: ID) {
  allOrders(first: $first, after: $after, status: $status, userId: $userId) {
    edges { cursor node { id status user { id username } product { name } } }
    pageInfo { hasNextPage hasPreviousPage endCursor } } }`;

  const REFUSED: [who: string, token: () => string | undefined, code: string, status: number][] = [
    ['anonymous', () => undefined, 'UNAUTHENTICATED', 401],
    ['a customer', () => stranger.token, 'FORBIDDEN', 403],
    ['the owner of the order', () => owner.token, 'FORBIDDEN', 403],
  ];

  describe('advanceOrder', () => {
    const advance = async (version: number, status: string, id = orderId) => {
      const { data, errors } = await client.graphql(ADVANCE, { id, version, status }, staff.token);
      expect(errors).toEqual([]);
      return data.advanceOrder;
    };

    it('ships, then delivers', async () => {
      expect(await advance(2, 'SHIPPED')).toMatchObject({
        __typename: 'Order',
        status: 'SHIPPED',
        version: 3,
      });
      expect(await advance(3, 'DELIVERED')).toEqual({
        __typename: 'Order',
        id: orderId,
        status: 'DELIVERED',
        version: 4,
        user: { username: owner.username },
        history: [
          { status: 'PENDING', version: 1 },
          { status: 'CONFIRMED', version: 2 },
          { status: 'SHIPPED', version: 3 },
          { status: 'DELIVERED', version: 4 },
        ],
      });
    });

    it('names the reason when it cannot', async () => {
      expect(await advance(1, 'SHIPPED')).toEqual({
        __typename: 'OrderVersionConflict',
        code: 'VERSION_CONFLICT',
        currentVersion: 2,
        current: { status: 'CONFIRMED' },
      });
      expect(await advance(2, 'DELIVERED')).toEqual({
        __typename: 'OrderNotAdvanceable',
        code: 'ORDER_NOT_ADVANCEABLE',
        current: { status: 'CONFIRMED', version: 2 },
      });
      for (const id of [UNKNOWN_ID, 'nonsense'])
        expect(await advance(1, 'SHIPPED', id)).toEqual({
          __typename: 'OrderNotFound',
          code: 'ORDER_NOT_FOUND',
        });
    });

    it('refuses a status that staff do not give, and names the argument', async () => {
      const variables = { id: orderId, version: 2, status: 'CANCELLED' };
      const { data, errors } = await client.graphql(ADVANCE, variables, staff.token);
      expect(data).toEqual({ advanceOrder: null });
      expect(errors[0]).toMatchObject({
        message: 'status: expected SHIPPED or DELIVERED, got "CANCELLED"',
        extensions: { code: 'BAD_USER_INPUT', errors: [{ field: 'status' }] },
      });
    });

    it('prevents the owner from cancelling the order', async () => {
      await advance(2, 'SHIPPED');
      const cancelled = await client.rest('POST', `/orders/${orderId}/cancel`, {
        token: owner.token,
        headers: { 'if-match': '"3"' },
      });
      expectProblem(cancelled, 409, 'ORDER_NOT_CANCELLABLE');
    });

    it.each(REFUSED)('is refused to %s', async (_, token, code) => {
      const { errors } = await client.graphql(
        ADVANCE,
        { id: orderId, version: 2, status: 'SHIPPED' },
        token(),
      );
      expect(errors[0]?.extensions.code).toBe(code);
      expect(await statusOf(orderId)).toBe('CONFIRMED');
    });
  });

  const CANCEL = `mutation($id: ID!, $version: Int!, $reason: String) {
  cancelOrder(id: $id, expectedVersion: $version, reason: $reason) { __typename
    ... on Order { status version history { status reason actor { id role user { username } } } }
    ... on InvalidInput { errors { field } } ... on Problem { code } } }`;

  describe('cancelling by staff', () => {
    const HISTORY = `query($id: ID!) {
    order(id: $id) { history { status reason actor { id role user { username } } } } }`;
    const cancel = (token: string, reason?: string, version = 2) =>
      client.graphql(CANCEL, { id: orderId, version, reason }, token);
    const events = () =>
      system
        .logs()
        .filter((line) => line.includes('"order.cancelled_by_staff"') && line.includes(`"order ${orderId}"`))
        .map((line) => JSON.parse(line));

    it('accepts any CONFIRMED order with a reason; the history names staff and reason, and the log has a security event', async () => {
      const { data, errors } = await cancel(staff.token, 'The card was stolen.');
      expect(errors).toEqual([]);
      const history = [
        {
          status: 'PENDING',
          reason: null,
          actor: { id: owner.id, role: 'CUSTOMER', user: { username: owner.username } },
        },
        { status: 'CONFIRMED', reason: null, actor: null },
        {
          status: 'CANCELLED',
          reason: 'The card was stolen.',
          actor: { id: staff.id, role: 'STAFF', user: { username: staff.username } },
        },
      ];
      expect(data.cancelOrder).toEqual({ __typename: 'Order', status: 'CANCELLED', version: 3, history });
      // The customer sees the id of the staff member and the reason, but not the account.
      const seen = await client.graphql(HISTORY, { id: orderId }, owner.token);
      expect(seen.errors).toEqual([]);
      expect(seen.data.order.history).toEqual([
        ...history.slice(0, 2),
        { ...history[2], actor: { id: staff.id, role: 'STAFF', user: null } },
      ]);
      const [event] = await eventually(
        async () => events(),
        (found) => found.length > 0,
      );
      expect(event).toMatchObject({
        event: 'order.cancelled_by_staff',
        actor: `user ${staff.id}`,
        actorRole: 'STAFF',
        subject: `order ${orderId}`,
        address: '127.0.0.1',
        requestId: expect.any(String),
        details: { customer: Number(owner.id), version: 3 },
      });
    });

    it('needs a body with a reason by REST, which a customer may leave out', async () => {
      const at = { 'if-match': '"2"' };
      const path = () => `/orders/${orderId}/cancel`;
      const silent = await client.rest('POST', path(), { token: staff.token, headers: at });
      expectProblem(silent, 400, 'INVALID_INPUT');
      expect(fieldsOf(silent.body)).toEqual(['reason']);
      const body = { reason: 'It is damaged.' };
      expect((await client.rest('POST', path(), { token: staff.token, headers: at, body })).status).toBe(200);
      const read = await client.rest('GET', `/orders/${orderId}`, { token: owner.token });
      expect(read.body.history).toMatchObject([
        { status: 'PENDING', actor: { user_id: Number(owner.id), role: 'CUSTOMER' }, reason: null },
        { status: 'CONFIRMED', actor: null, reason: null },
        {
          status: 'CANCELLED',
          actor: { user_id: Number(staff.id), role: 'STAFF' },
          reason: 'It is damaged.',
        },
      ]);
      orderId = await place(owner);
      expect((await client.rest('POST', path(), { token: owner.token, headers: at })).status).toBe(200);
      expect(events()).toEqual([]);
    });

    it('cannot cancel a shipped order, and other customers cannot cancel the order at all', async () => {
      expect((await cancel(stranger.token, 'Mine!')).data.cancelOrder).toMatchObject({
        code: 'ORDER_NOT_FOUND',
      });
      expect((await client.graphql(CANCEL, { id: orderId, version: 2 })).errors[0]?.extensions.code).toBe(
        'UNAUTHENTICATED',
      );
      await client.graphql(ADVANCE, { id: orderId, version: 2, status: 'SHIPPED' }, staff.token);
      expect((await cancel(staff.token, 'Stop it.', 3)).data.cancelOrder).toMatchObject({
        code: 'ORDER_NOT_CANCELLABLE',
      });
      expect(await statusOf(orderId)).toBe('SHIPPED');
    });
  });

  describe('POST /orders/{id}/advance', () => {
    const advance = (headers: Record<string, string>, body: unknown, id = orderId, token = staff.token) =>
      client.rest('POST', `/orders/${id}/advance`, { token, headers, body });

    it('ships and delivers, with the new ETag', async () => {
      const shipped = await advance({ 'if-match': '"2"' }, { status: 'SHIPPED' });
      expect(shipped.status).toBe(200);
      expect(shipped.headers.get('etag')).toBe('"3"');
      expect(shipped.body).toMatchObject({
        id: Number(orderId),
        user_id: Number(owner.id),
        status: 'SHIPPED',
        version: 3,
      });
      const delivered = await advance({ 'if-match': '*' }, { status: 'DELIVERED' });
      expect([delivered.status, delivered.headers.get('etag')]).toEqual([200, '"4"']);
    });

    it('answers 428, 412, 409, 404 or 400 when it is refused', async () => {
      expectProblem(await advance({}, { status: 'SHIPPED' }), 428, 'PRECONDITION_REQUIRED');
      const stale = await advance({ 'if-match': '"1"' }, { status: 'SHIPPED' });
      expectProblem(stale, 412, 'PRECONDITION_FAILED');
      expect([stale.headers.get('etag'), stale.body.current_version]).toEqual(['"2"', 2]);
      const early = await advance({ 'if-match': '"2"' }, { status: 'DELIVERED' });
      expectProblem(early, 409, 'ORDER_NOT_ADVANCEABLE');
      expect(early.headers.get('etag')).toBe('"2"');
      for (const tag of ['"1"', '*'])
        expectProblem(
          await advance({ 'if-match': tag }, { status: 'SHIPPED' }, UNKNOWN_ID),
          404,
          'ORDER_NOT_FOUND',
        );
      const wrong = await advance({ 'if-match': '"2"' }, { status: 'CONFIRMED' });
      expectProblem(wrong, 400, 'INVALID_INPUT');
      expect(fieldsOf(wrong.body)).toEqual(['status']);
      expect(await statusOf(orderId)).toBe('CONFIRMED');
    });

    it.each(REFUSED)('is refused to %s', async (_, token, code, status) => {
      const reply = await client.rest('POST', `/orders/${orderId}/advance`, {
        token: token(),
        headers: { 'if-match': '"2"' },
        body: { status: 'SHIPPED' },
      });
      expectProblem(reply, status, code);
      expect(await statusOf(orderId)).toBe('CONFIRMED');
    });
  });

  describe('the orders of all customers', () => {
    const all = async (variables: Record<string, unknown>) => {
      const { data, errors } = await client.graphql(ALL, variables, staff.token);
      expect(errors).toEqual([]);
      return data.allOrders;
    };
    const rest = (query: string, token: string | undefined = staff.token) =>
      client.rest('GET', `/orders${query}`, { token });
    const idOf = (page: { edges: { node: { id: string } }[] }) => Number(page.edges[0]?.node.id);

    // Other suites order from the same system: their orders may stand before these, and between them.
    it('are listed newest first, page by page, with their customers', async () => {
      const theirs = await place(stranger);
      const first = await all({ first: 1 });
      expect(first.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: false });
      const pages = [first];
      while (idOf(pages.at(-1)) > Number(orderId)) {
        const page = await all({ first: 1, after: pages.at(-1).pageInfo.endCursor });
        expect(page.edges).toHaveLength(1);
        expect(page.pageInfo.hasPreviousPage).toBe(true);
        expect(idOf(page)).toBeLessThan(idOf(pages.at(-1)));
        pages.push(page);
      }
      const nodes = pages.flatMap(({ edges }) => edges.map(({ node }: { node: { id: string } }) => node));
      expect(nodes.at(-1)).toMatchObject({
        id: orderId,
        user: { username: owner.username },
        product: { name: 'A thing' },
      });
      expect(nodes).toContainEqual(
        expect.objectContaining({ id: theirs, user: { id: stranger.id, username: stranger.username } }),
      );
    });

    it('are filtered by status and by user', async () => {
      const theirs = await place(stranger);
      await client.graphql(ADVANCE, { id: theirs, version: 2, status: 'SHIPPED' }, staff.token);
      const ids = async (variables: Record<string, unknown>) =>
        (await all(variables)).edges.map(({ node }: { node: { id: string } }) => node.id);
      expect(await ids({ first: 100, status: 'SHIPPED' })).toContain(theirs);
      expect(await ids({ first: 100, status: 'CONFIRMED' })).not.toContain(theirs);
      expect(await ids({ userId: stranger.id, status: 'SHIPPED' })).toContain(theirs);
      expect(await ids({ userId: owner.id, first: 1 })).toEqual([orderId]);
      expect(await ids({ userId: owner.id })).not.toContain(theirs);
      for (const userId of [UNKNOWN_ID, 'nonsense']) expect(await ids({ userId })).toEqual([]);
    });

    it('are listed by REST with scope=all, by Link, with the same filters', async () => {
      const theirs = await place(stranger);
      const found: Record<number, number> = {};
      for (let page = '?scope=all&limit=1'; found[Number(orderId)] === undefined; ) {
        const { body, headers } = await rest(page);
        expect(body).toHaveLength(1);
        found[body[0].id] = body[0].user_id;
        const next = /^<\/orders(\?scope=all&limit=1&cursor=[^>]+)>; rel="next"$/;
        page = String(next.exec(headers.get('link') ?? '')?.[1]);
      }
      expect(found).toMatchObject({ [theirs]: Number(stranger.id), [orderId]: Number(owner.id) });
      const filtered = await rest(`?scope=all&status=CONFIRMED&user_id=${owner.id}`);
      expect(filtered.body[0].id).toBe(Number(orderId));
      for (const order of filtered.body)
        expect(order).toMatchObject({ user_id: Number(owner.id), status: 'CONFIRMED' });
      expect((await rest('')).body).toEqual([]);
      expect((await rest('?scope=own', stranger.token)).body[0].id).toBe(Number(theirs));
    });

    it('need valid parameters', async () => {
      for (const [variables, field] of [
        [{ first: 0 }, 'first'],
        [{ after: 'nonsense' }, 'after'],
      ] as const) {
        const { data, errors } = await client.graphql(ALL, variables, staff.token);
        expect(data).toEqual({ allOrders: null });
        expect(errors[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', errors: [{ field }] });
      }
      const ignored = await rest(`?user_id=${owner.id}`);
      expectProblem(ignored, 400, 'INVALID_INPUT');
      expect(fieldsOf(ignored.body)).toEqual(['user_id']);
    });

    it.each(REFUSED)('are refused to %s', async (_, token, code, status) => {
      const { data, errors } = await client.graphql(ALL, {}, token());
      expect({ data, code: errors[0]?.extensions.code }).toEqual({ data: { allOrders: null }, code });
      expectProblem(await client.rest('GET', '/orders?scope=all', { token: token() }), status, code);
    });
  });
});

describe('the document of REST', () => {
  const readDocument = async () => JSON.parse(await (await fetch(`${system.url}/openapi.json`)).text());
  const sorted = (statuses: readonly string[]): string[] => [...statuses].sort();

  it.each(['Order', 'DetailedOrder'])('lists all states of an order for %s', async (name) => {
    const { components } = await readDocument();
    expect(sorted(components.schemas[name].properties.status.enum)).toEqual(sorted(ORDER_STATUSES));
  });

  it('lets a list of orders be of any state', async () => {
    const { paths } = await readDocument();
    const parameters: { name: string; schema: { enum: string[] } }[] = paths['/orders'].get.parameters;
    expect(sorted(parameters.find(({ name }) => name === 'status')?.schema.enum ?? [])).toEqual(
      sorted(ORDER_STATUSES),
    );
  });

  it('lets staff give an order the states that the table of steps gives to staff', async () => {
    const { components } = await readDocument();
    expect(sorted(components.schemas.OrderStep.properties.status.enum)).toEqual(sorted(ADVANCES));
  });
});
