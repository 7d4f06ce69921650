// The operations that the races need from a shop, each by the shop's documented API.
export interface Shop {
  readonly name: string;
  /** Offers a new product with that many units; resolves with its id. */
  offer(units: number): Promise<string>;
  /**
   * Brings a buyer of one unit to the last step of the checkout. The result takes that step: it resolves to true when the shop
   * confirms the order, to false when the shop rejects it, and throws otherwise.
   */
  checkOut(product: string): Promise<() => Promise<boolean>>;
  /** How many units the shop has set aside for orders, by its own books. */
  booked(product: string): Promise<number>;
  /** The product as an editor sees it, with its version where the shop has one. */
  open(product: string): Promise<Draft>;
  /** Saves some fields of the opened product; resolves to false when the shop reports a conflict. */
  save(draft: Draft, change: Change): Promise<boolean>;
}

export interface Draft {
  readonly product: string;
  readonly name: string;
  readonly description: string;
  readonly version?: number;
}

export type Change = Partial<Pick<Draft, 'name' | 'description'>>;

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

/** One call with a JSON body and reply, within three minutes, so that a slow answer is an answer. */
export async function call(
  method: string,
  url: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Reply> {
  const reply = await fetch(url, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    signal: AbortSignal.timeout(180_000),
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await reply.text();
  return { status: reply.status, headers: reply.headers, body: text === '' ? undefined : JSON.parse(text) };
}

/** The body of a call that must succeed. Throws with the reply of a failed call. */
export async function succeed(...request: Parameters<typeof call>): Promise<unknown> {
  const { status, body } = await call(...request);
  if (status >= 400) throw new Error(`${request[0]} ${request[1]}: ${status} ${JSON.stringify(body)}`);
  return body;
}
