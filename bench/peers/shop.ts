// What the races ask of a shop, each by its documented API.
export interface Shop {
  readonly name: string;
  /** Puts on sale a product of which there are so many units; resolves with its id. */
  offer(units: number): Promise<string>;
  /**
   * Brings a buyer of one unit to the last step of the checkout. The result takes that step: it resolves to true when the
   * shop says that the order stands, to false when it says that it does not, and throws when it says neither.
   */
  checkOut(product: string): Promise<() => Promise<boolean>>;
  /** How many units the shop has set aside for orders, by its own books. */
  booked(product: string): Promise<number>;
  /** What an editor is shown, and the product's version where the shop tells it. */
  open(product: string): Promise<Draft>;
  /** Saves some fields of what was opened; resolves to false when the shop says that it changed in the meantime. */
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

/** The body of a call that has to succeed. Throws with what came instead. */
export async function succeed(...request: Parameters<typeof call>): Promise<unknown> {
  const { status, body } = await call(...request);
  if (status >= 400) throw new Error(`${request[0]} ${request[1]}: ${status} ${JSON.stringify(body)}`);
  return body;
}
