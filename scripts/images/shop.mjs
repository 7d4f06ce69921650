// One round through the whole system by REST: an account, a product, an order.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

/** Throws unless each reply is as it should be. Gives the account's name. */
export async function placeAnOrder(gateway) {
  const call = async (path, expected, body, token) => {
    const reply = await fetch(gateway + path, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'idempotency-key': randomUUID(),
        ...(token && { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(body),
    });
    const text = await reply.text();
    assert.equal(reply.status, expected, `POST ${path} answered ${reply.status}: ${text}`);
    return JSON.parse(text);
  };
  const username = `image-check-${randomUUID().slice(0, 8)}`;
  const password = `correct horse ${randomUUID()}`;
  await call('/register', 201, { username, email: `${username}@example.com`, password });
  const { token } = await call('/login', 200, { username, password });
  const thing = { name: 'Brass compass', description: 'Points north.', price: 48.5, stock: 3 };
  const product = await call('/products', 201, thing, token);
  const order = await call('/orders', 201, { product_id: product.id, quantity: 2 }, token);
  assert.equal(order.status, 'CONFIRMED');
  assert.equal(order.total_price, 97);
  return username;
}
