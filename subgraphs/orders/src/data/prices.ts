// Asks the products service, over HTTP, what a product costs at this moment. The price is PostgreSQL's and never a
// cache's: a cached one may be older than what the customer was shown.
import { AppError } from '@holdfast/platform/errors';
import { REQUEST_ID_HEADER, TIMEOUT_HEADER } from '@holdfast/platform/http';
import { createHttpPool } from '@holdfast/platform/http-client';
import { NO_CACHE_HEADERS } from '@holdfast/platform/no-cache';
import { SERVICE_TOKEN_HEADER } from '@holdfast/platform/service-tokens';
import { tracedCall, traceHeaders } from '@holdfast/platform/tracing';
import { z } from 'zod';

export interface Prices {
  /**
   * The price of one unit, "19.99"; undefined when there is no such product, or no longer.
   * @throws {AppError} SERVICE_UNAVAILABLE when the products service does not answer in time
   */
  priceOf(
    productId: number,
    call: { readonly requestId: string; readonly deadlineAt: number },
  ): Promise<string | undefined>;
  close(): Promise<void>;
}

const SPAN = { 'peer.service': 'products' };
const CONNECTIONS = 32;
const QUERY = 'query PriceOfProduct($id: ID!) { product(id: $id) { price } }';

/** Null without an error is "no such product"; beside one it only says that nobody can tell right now. */
const answer = z.object({
  errors: z.never().optional(),
  data: z.object({ product: z.object({ price: z.string() }).nullable() }),
});

export interface PricesOptions {
  readonly url: string;
  readonly timeoutMs: number;
  readonly connectionMaxAgeMs: number;
  /** What `Service-Authorization` says to the products service. */
  readonly serviceToken: () => Promise<string>;
}

/** A client of the products service at `url`, over kept connections. Never retries: the caller may. */
export function createPrices({ url, timeoutMs, connectionMaxAgeMs, serviceToken }: PricesOptions): Prices {
  const pool = createHttpPool({ url, connections: CONNECTIONS, maxAgeMs: connectionMaxAgeMs });
  const { pathname: path } = new URL(url);

  async function ask(productId: number, requestId: string, remainingMs: number): Promise<unknown> {
    const { statusCode, body } = await pool.request({
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
      body: JSON.stringify({
        query: QUERY,
        operationName: 'PriceOfProduct',
        variables: { id: String(productId) },
      }),
      signal: AbortSignal.timeout(remainingMs),
    });
    const reply = await body.json();
    if (statusCode !== 200) throw new Error(`the products service answered ${statusCode}`);
    return reply;
  }

  return {
    priceOf: async (productId, { requestId, deadlineAt }) => {
      const remainingMs = Math.max(1, Math.min(timeoutMs, deadlineAt - Date.now()));
      try {
        const { data } = answer.parse(
          await tracedCall('price of product', SPAN, () => ask(productId, requestId, remainingMs)),
        );
        return data.product?.price;
      } catch (cause) {
        throw new AppError('SERVICE_UNAVAILABLE', 'Prices cannot be read right now. Nothing was ordered.', {
          cause,
          details: { retryAfter: 1 },
        });
      }
    },
    close: () => pool.close(),
  };
}
