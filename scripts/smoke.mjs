// `npm run smoke -- --base URL`: tests a running system from outside, as a customer uses it. A new account orders one unit and
// cancels the order, so that the stock is as before. The account and the cancelled order stay.
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { readCommandLineOrExit } from '../local/src/command-line/command-line.js';

const { values } = readCommandLineOrExit('smoke');
const base = (values.base ?? 'http://localhost:4000').replace(/\/+$/, '');
const CALL_WITHIN_MS = 10_000;
const SETTLED_WITHIN_MS = 30_000;

/** Makes one call and prints it. Returns the body of the reply and its ETag. */
async function call(name, expected, [method, path, body], token, headers = {}) {
  const started = performance.now();
  const reply = await fetch(base + path, {
    method,
    body: body && JSON.stringify(body),
    signal: AbortSignal.timeout(CALL_WITHIN_MS),
    headers: {
      ...(body && { 'content-type': 'application/json' }),
      ...(token && { authorization: `Bearer ${token}` }),
      ...headers,
    },
  });
  const text = await reply.text();
  const ms = Math.round(performance.now() - started);
  console.log(`${name.padEnd(24)} ${method} ${path}: ${reply.status} in ${ms} ms`);
  if (!expected.includes(reply.status))
    throw new Error(`${method} ${path} answered ${reply.status}, expected ${expected.join(' or ')}: ${text}`);
  return { ...(text && JSON.parse(text)), etag: reply.headers.get('etag') };
}

const makeKey = () => ({ 'idempotency-key': randomUUID() });

/** The product to order: with a token of staff a new one, otherwise one in stock. */
async function chooseProduct() {
  const thing = { name: 'Smoke test', description: 'Not for sale.', price: 0.01, stock: 1 };
  if (values.token)
    return call('create a product', [201], ['POST', '/products', thing], values.token, makeKey());
  const products = Object.values(await call('read products', [200], ['GET', '/products?limit=100']));
  const found = products.find((one) => one?.stock > 0);
  if (!found)
    throw new Error('none of the first 100 products is in stock; with --token of staff the test creates one');
  return found;
}

async function smoke() {
  const username = `smoke-${randomUUID().slice(0, 8)}`;
  const password = `correct horse ${randomUUID()}`;
  const account = { username, email: `${username}@example.com`, password };
  await call('create an account', [201], ['POST', '/register', account]);
  const { token } = await call('log in', [200], ['POST', '/login', { username, password }]);
  const { id } = await chooseProduct();
  const wanted = { product_id: id, quantity: 1 };
  let order = await call('place an order', [201, 202], ['POST', '/orders', wanted], token, makeKey());
  const read = ['GET', `/orders/${order.id}`];
  const until = Date.now() + SETTLED_WITHIN_MS;
  do order = await call('read the order', [200], read, token);
  while (order.status === 'PENDING' && Date.now() < until && (await pause(500, true)));
  if (order.status !== 'CONFIRMED')
    throw new Error(`order ${order.id} is ${order.status}, expected CONFIRMED`);
  await call('cancel the order', [200], ['POST', `${read[1]}/cancel`], token, { 'if-match': order.etag });
  if (values.token) await call('delete the product', [204], ['DELETE', `/products/${id}`], values.token);
}

try {
  await smoke();
  console.log(`PASSED: an order through ${base} was CONFIRMED`);
} catch (error) {
  console.error(`FAILED: ${error.message}${error.cause ? ` (${error.cause.message})` : ''}`);
  process.exitCode = 1;
}
