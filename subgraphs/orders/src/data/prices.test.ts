import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { afterEach, describe, expect, it } from '@jest/globals';
import { createPrices, type Prices } from './prices.ts';

let server: Server | undefined;
let prices: Prices | undefined;
let headers: IncomingHttpHeaders | undefined;
afterEach(async () => {
  await prices?.close();
  server?.close();
});

/** Prices of a products service that gives this reply to everything; `undefined` is none at all. */
async function pricesFrom(reply: unknown, status = 200): Promise<Prices> {
  const listening = createServer((request, response) => {
    headers = request.headers;
    if (reply === undefined) return;
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(reply));
  });
  server = listening;
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', () => resolve()));
  const address = listening.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const url = `http://127.0.0.1:${port}/graphql`;
  prices = createPrices({
    url,
    timeoutMs: 2_000,
    connectionMaxAgeMs: 30_000,
    serviceToken: async () => 'Bearer test',
  });
  return prices;
}

const ask = (from: Prices) => from.priceOf(1, { requestId: 'test', deadlineAt: Date.now() + 5_000 });

describe('the price of a product', () => {
  it('is what the products service says', async () => {
    expect(await ask(await pricesFrom({ data: { p0: { price: '19.99' } } }))).toBe('19.99');
  });

  it('is requested with `no-cache`', async () => {
    await ask(await pricesFrom({ data: { p0: { price: '19.99' } } }));
    expect(headers).toMatchObject({ 'cache-control': 'no-cache' });
  });

  it('is undefined when there is no such product', async () => {
    expect(await ask(await pricesFrom({ data: { p0: null } }))).toBeUndefined();
  });

  it.each([
    ['null beside an error', { data: { p0: null }, errors: [{ message: 'the database is away' }] }, 200],
    ['an error alone', { errors: [{ message: 'no' }] }, 200],
    ['a status that is no 200', { data: { p0: { price: '1.00' } } }, 503],
    ['something else', ['hello'], 200],
    ['no reply in time', undefined, 200],
  ])('is SERVICE_UNAVAILABLE, not "not found", after %s', async (_, reply, status) => {
    await expect(ask(await pricesFrom(reply, status))).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
  });
});
