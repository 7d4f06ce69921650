// openapi-fetch, typed by openapi-typescript from /openapi.json: the README's session.
import createClient from 'openapi-fetch';
import type { paths } from './generated/api';

const [server = 'http://localhost:4000'] = process.argv.slice(2);
const api = createClient<paths>({ baseUrl: server });
const statuses: number[] = [];

const login = await api.POST('/login', { body: { username: 'demo', password: 'demo-password-2026' } });
if (!login.data) throw new Error(login.error.detail);
api.use({
  onRequest: ({ request }) => request.headers.set('authorization', `Bearer ${login.data.token}`),
  onResponse: ({ response }) => {
    statuses.push(response.status);
  },
});

const created = await api.POST('/products', {
  body: { name: 'Brass compass', description: 'Points north.', price: 48.5, stock: 3 },
  params: { header: { 'Idempotency-Key': crypto.randomUUID() } },
});
if (!created.data) throw new Error(created.error.detail);
const { id } = created.data;
const seen = created.response.headers.get('etag') ?? '';

/** An edit of the version that was seen. */
const cheaper = (price: number) =>
  api.PATCH('/products/{id}', {
    params: { path: { id }, header: { 'If-Match': seen } },
    body: { price },
  });
await cheaper(45);
const late = await cheaper(40);

/**
 * The same key and body is the same order, however often it is sent. It is settled within ten seconds; past that the reply
 * would be 202 with a PENDING order, to be read again at its `Location`.
 */
const order = (key: string) =>
  api.POST('/orders', {
    params: { header: { 'Idempotency-Key': key, Prefer: 'wait=10' } },
    body: { product_id: id, quantity: 2 },
  });
const key = crypto.randomUUID();
const placed = await order(key);
const again = await order(key);
const tooMany = await order(`${key}-2`);

console.log(
  JSON.stringify({
    statuses,
    late: [late.error?.code, late.error?.current_version],
    order: placed.data?.status,
    sameOrder: placed.data?.id === again.data?.id,
    tooMany: [tooMany.error?.code, tooMany.error?.available],
  }),
);
