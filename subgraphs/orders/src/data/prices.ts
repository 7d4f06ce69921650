// Reads current prices from the products service over HTTP. The products service reads the price from PostgreSQL and not from its
// cache, because a cached price may be older than the price that the customer saw. All callers get the same price, so calls that
// come while a request is under way share the next request.

import { SERVICE_TOKEN_HEADER } from '@holdfast/platform/auth/service-tokens';
import { AppError } from '@holdfast/platform/errors';
import { createHttpPool } from '@holdfast/platform/http/client';
import { NO_CACHE_HEADERS } from '@holdfast/platform/http/no-cache';
import { REQUEST_ID_HEADER, TIMEOUT_HEADER } from '@holdfast/platform/http/server';
import { traceCall, traceHeaders } from '@holdfast/platform/observability/tracing';
import { createBatches, MOST_AT_ONCE } from '@holdfast/platform/postgres/batches';
import { z } from 'zod';

export interface PriceCall {
  readonly requestId: string;
  /** ms since the epoch */
  readonly deadlineAt: number;
}

export interface Prices {
  /**
   * The price of one unit, such as "19.99"; undefined when the catalog has no such product.
   * @throws {AppError} SERVICE_UNAVAILABLE when the products service does not answer in time
   */
  priceOf(productId: number, call: PriceCall): Promise<string | undefined>;
  close(): Promise<void>;
}

const SPAN = { 'peer.service': 'products' };
const CONNECTIONS = 32;

/** Null without an error means "no such product". Null beside an error means that the products service could not read it. */
const answer = z.object({
  errors: z.never().optional(),
  data: z.record(z.string(), z.object({ price: z.string() }).nullable()),
});

/** An operation for `count` products, with the ids in `$p0`, `$p1`, … and the prices under the same names. */
function writeQuery(count: number): string {
  const names = Array.from({ length: count }, (_, index) => `p${index}`);
  const parameters = names.map((name) => `$${name}: ID!`).join(', ');
  const fields = names.map((name) => `${name}: product(id: $${name}) { price }`).join(' ');
  return `query PricesOfProducts(${parameters}) { ${fields} }`;
}

/** One operation for each power of two. They are few, because the products service prepares each text that it receives. */
const QUERIES = Array.from({ length: Math.ceil(Math.log2(MOST_AT_ONCE)) + 1 }, (_, power) =>
  writeQuery(2 ** power),
);

export interface PricesOptions {
  readonly url: string;
  readonly timeoutMs: number;
  readonly connectionMaxAgeMs: number;
  /** The value of `Service-Authorization` for the products service. */
  readonly serviceToken: () => Promise<string>;
}

/** A client of the products service at `url`, over connections that are kept open. It never retries; the caller may. */
export function createPrices({ url, timeoutMs, connectionMaxAgeMs, serviceToken }: PricesOptions): Prices {
  const pool = createHttpPool({ url, connections: CONNECTIONS, maxAgeMs: connectionMaxAgeMs });
  const { pathname: path } = new URL(url);

  async function post(
    body: { readonly query: string | undefined; readonly variables: Record<string, string> },
    requestId: string,
    remainingMs: number,
  ): Promise<unknown> {
    const { statusCode, body: reply } = await pool.request({
      path,
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        [SERVICE_TOKEN_HEADER]: await serviceToken(),
        ...NO_CACHE_HEADERS,
        ...traceHeaders(),
        [REQUEST_ID_HEADER]: requestId,
        [TIMEOUT_HEADER]: String(remainingMs),
      },
      body: JSON.stringify({ ...body, operationName: 'PricesOfProducts' }),
      signal: AbortSignal.timeout(remainingMs),
    });
    const answered = await reply.json();
    if (statusCode !== 200) throw new Error(`the products service answered ${statusCode}`);
    return answered;
  }

  /** Reads the prices of products, by their ids. The latest deadline of all calls decides how long this may take. */
  async function readPrices(ids: readonly number[], calls: readonly PriceCall[]) {
    const power = Math.ceil(Math.log2(ids.length));
    const padded = Array.from({ length: 2 ** power }, (_, index) => ids[index] ?? ids[0]);
    const variables = Object.fromEntries(padded.map((id, index) => [`p${index}`, String(id)]));
    const deadlineAt = Math.max(...calls.map((call) => call.deadlineAt));
    const remainingMs = Math.max(1, Math.min(timeoutMs, deadlineAt - Date.now()));
    const requestId = calls[0]?.requestId ?? '';
    const { data } = answer.parse(
      await traceCall('price of product', SPAN, () =>
        post({ query: QUERIES[power], variables }, requestId, remainingMs),
      ),
    );
    return new Map(ids.map((id, index) => [id, data[`p${index}`]?.price]));
  }

  const priceInBatch = createBatches<PriceCall & { readonly productId: number }, string | undefined>(
    async (calls) => {
      const prices = await readPrices([...new Set(calls.map(({ productId }) => productId))], calls);
      return calls.map(({ productId }) => prices.get(productId));
    },
    // All calls of a batch want the same kind of answer from one request: if it fails for one call, it fails for all.
    { isDivisible: () => false },
  );

  return {
    priceOf: async (productId, call) => {
      try {
        return await priceInBatch({ ...call, productId });
      } catch (cause) {
        throw new AppError('SERVICE_UNAVAILABLE', 'Prices cannot be read right now. No order was placed.', {
          cause,
          details: { retryAfter: 1 },
        });
      }
    },
    close: () => pool.close(),
  };
}
