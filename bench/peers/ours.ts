// Holdfast by its REST API (docs/api.md).
import { z } from 'zod';
import { call, type Shop, succeed } from './shop.ts';

const product = z.object({ id: z.number(), name: z.string(), description: z.string(), version: z.number() });
const orders = z.array(z.object({ quantity: z.number(), status: z.string() }));

/** @param url the gateway's */
export async function openOurs(url: string): Promise<Shop> {
  const headers = await createAccount(url);
  const buyers = new Map<string, Record<string, string>[]>();

  return {
    name: 'Holdfast',
    async offer(units) {
      const body = { name: 'Product', description: 'A product.', price: 10, stock: units };
      return String(product.parse(await succeed('POST', `${url}/products`, body, headers)).id);
    },
    async checkOut(id) {
      const buyer = { ...(await createAccount(url)), 'idempotency-key': crypto.randomUUID() };
      buyers.set(id, [...(buyers.get(id) ?? []), buyer]);
      const order = { product_id: Number(id), quantity: 1 };
      // After 202 the order is not settled yet. The same request with the same key returns its outcome.
      return async function placeOrder(): Promise<boolean> {
        const { status, body } = await call('POST', `${url}/orders`, order, buyer);
        if (status === 202) return placeOrder();
        if (status !== 201 && status !== 409) throw new Error(`${status} ${JSON.stringify(body)}`);
        return status === 201;
      };
    },
    async booked(id) {
      const all = await Promise.all(
        (buyers.get(id) ?? []).map(async (buyer) =>
          orders.parse(await succeed('GET', `${url}/orders`, undefined, buyer)),
        ),
      );
      const confirmed = all.flat().filter(({ status }) => status === 'CONFIRMED');
      return confirmed.reduce((sum, { quantity }) => sum + quantity, 0);
    },
    async open(id) {
      const { name, description, version } = product.parse(await succeed('GET', `${url}/products/${id}`));
      return { product: id, name, description, version };
    },
    async save(draft, change) {
      const ifMatch = { 'if-match': `"${draft.version}"`, ...headers };
      const { status, body } = await call('PATCH', `${url}/products/${draft.product}`, change, ifMatch);
      if (status !== 200 && status !== 412) throw new Error(`${status} ${JSON.stringify(body)}`);
      return status === 200;
    },
  };
}

/** Creates an account and returns its header fields. */
async function createAccount(url: string): Promise<Record<string, string>> {
  const username = `buyer-${crypto.randomUUID().slice(0, 8)}`;
  const password = `long-enough-${crypto.randomUUID()}`;
  await succeed('POST', `${url}/register`, { username, password, email: `${username}@example.com` });
  const { token } = z
    .object({ token: z.string() })
    .parse(await succeed('POST', `${url}/login`, { username, password }));
  return { authorization: `Bearer ${token}` };
}
