// For tests: REST calls of a stub system as a signed-in user. Each reply is checked by the schema of its route.
import { PROBLEM } from '../rest/problem.ts';
import { REST_ROUTES } from '../rest/rest.ts';

export type Headers = Readonly<Record<string, string>>;

export interface CallOptions {
  readonly headers?: Headers;
  /** A text is sent as it is, anything else as JSON. */
  readonly body?: unknown;
}

/** @throws {ZodError} what a body of a route has that its schema does not, or the other way round */
function checkBody(method: string, path: string, { status, headers }: Response, body: unknown): void {
  if (headers.get('content-type') === 'application/problem+json') PROBLEM.parse(body);
  const route = REST_ROUTES.find(
    ({ description }) =>
      description.method === method &&
      new RegExp(`^${description.url.replace(':id', '[^/]+')}(\\?|$)`).test(path),
  );
  route?.description.schema.response[status]?.content?.['application/json'].schema.parse(body);
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
  if (json !== undefined) checkBody(method, path, reply, json);
  return { status: reply.status, headers: reply.headers, text, body: json };
}
