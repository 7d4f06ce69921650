// For tests: REST calls of a stub system as a signed-in user.

export type Headers = Readonly<Record<string, string>>;

export interface CallOptions {
  readonly headers?: Headers;
  /** A text is sent as it is, anything else as JSON. */
  readonly body?: unknown;
}

export async function callRest(
  url: string,
  authorization: string,
  method: string,
  path: string,
  { headers = {}, body }: CallOptions = {},
) {
  const reply = await fetch(url + path, {
    method,
    headers: { authorization, ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await reply.text();
  const json =
    text === '' || !reply.headers.get('content-type')?.includes('json') ? undefined : JSON.parse(text);
  return { status: reply.status, headers: reply.headers, text, body: json };
}
