// Calls the operations of /openapi.json with the examples of the document, as a reader does.
import { DEMO_ACCOUNTS, type DemoAccount } from '@holdfast/local/seed/seed';
import { type Client, secretsUsed } from '../support/client.ts';

interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly parameters?: readonly { readonly name: string; readonly example?: string | number }[];
  readonly requestBody?: {
    readonly content: Readonly<Record<string, { readonly schema: { readonly $ref: string } }>>;
  };
  readonly responses: Readonly<Record<string, unknown>>;
}

export interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, { readonly examples?: readonly object[] }>>;
  };
}

interface Call {
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
  readonly body: object | undefined;
}

/** These operations need a token from a mail; monitoring/strict.ts calls them. */
const MAILED = ['resetPassword', 'verifyEmail', 'confirmLogin'];
/** These operations destroy what other calls need. */
const LAST = ['deleteProduct', 'changePassword'];
/** A call waits as long as possible for the outcome of an order. */
const SETTLED = { prefer: 'wait=10' };
const OF_A_SESSION = ['refreshSession', 'logout'];
const OF_AN_ORDER = ['getOrder', 'cancelOrder', 'advanceOrder'];

/**
 * Calls each operation once, and returns its name with the received status and with the first documented one. Only tokens, versions
 * and the number of an order come from the system, because a document cannot know them.
 */
export async function callEach(
  client: Client,
  document: Document,
): Promise<{ came: string[]; shown: string[] }> {
  const rank = ({ operation }: Call) => LAST.indexOf(operation.operationId);
  const calls = callsOf(document)
    .filter(({ operation }) => !MAILED.includes(operation.operationId))
    .toSorted((a, b) => rank(a) - rank(b));
  const came: string[] = [];
  for (const call of calls)
    came.push(`${call.operation.operationId} ${await makeCall(call, client, document)}`);
  return { came, shown: calls.map(({ operation }) => `${operation.operationId} ${firstStatus(operation)}`) };
}

const firstStatus = ({ responses }: Operation): string => Object.keys(responses)[0] ?? 'none';

function callsOf({ paths, components: { schemas } }: Document): Call[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => {
      const [media] = Object.values(operation.requestBody?.content ?? {});
      const schema = media && schemas[media.schema.$ref.replace('#/components/schemas/', '')];
      return { method: method.toUpperCase(), path, operation, body: schema?.examples?.[0] };
    }),
  );
}

/** Makes a call. @returns the status, with the body when the status is not the documented one */
async function makeCall(call: Call, client: Client, document: Document): Promise<string> {
  const { method, operation } = call;
  const { operationId, parameters = [], tags } = operation;
  const isStaffs = tags[0] === 'Administration' || operationId === 'advanceOrder';
  const session = await signIn(client, isStaffs ? 'STAFF' : 'CUSTOMER');
  const example = (name: string) => parameters.find((parameter) => parameter.name === name)?.example;
  const id = OF_AN_ORDER.includes(operationId) ? await placeOrder(client, document) : example('id');
  const path = call.path.replace('{id}', String(id));
  const { token } = session;
  const headers: Record<string, string> = { ...SETTLED };
  if (example('Idempotency-Key') !== undefined)
    // A key for each call: two calls of one service cannot share the key of the example.
    headers['idempotency-key'] = crypto.randomUUID();
  if (example('If-Match') !== undefined)
    headers['if-match'] = await readTag(client, call.path, String(id), token);
  const body = OF_A_SESSION.includes(operationId)
    ? { ...call.body, refresh_token: session.refresh }
    : call.body;
  const { status, text } = await client.rest(method, path, { token, body, headers });
  // A call about accounts may have ended the sessions.
  if (!/^\/(products|orders)/.test(path)) sessions.clear();
  return String(status) === firstStatus(operation) ? String(status) : `${status} ${text}`;
}

interface Session {
  readonly token: string;
  readonly refresh: string;
}

/** The sessions that no call has ended. */
const sessions = new Map<DemoAccount['role'], Session>();

async function signIn(client: Client, role: DemoAccount['role']): Promise<Session> {
  const known = sessions.get(role);
  if (known) return known;
  const { username, password } = DEMO_ACCOUNTS.find((account) => account.role === role) ?? {};
  const { body } = await client.rest('POST', '/login', { body: { username, password } });
  secretsUsed.add(body.token).add(body.refresh_token);
  const session = { token: body.token, refresh: body.refresh_token };
  sessions.set(role, session);
  return session;
}

/** Places an order of the demo account with the example. @returns its number */
async function placeOrder(client: Client, document: Document): Promise<number> {
  const { token } = await signIn(client, 'CUSTOMER');
  const body = callsOf(document).find(({ operation }) => operation.operationId === 'createOrder')?.body;
  return (await client.rest('POST', '/orders', { token, body, headers: SETTLED })).body.id;
}

/** Reads the current ETag, of `/orders/{id}` for `/orders/{id}/cancel`. */
async function readTag(client: Client, path: string, id: string, token: string): Promise<string> {
  const thing = path.slice(0, path.indexOf('}') + 1).replace('{id}', id);
  return (await client.rest('GET', thing, { token })).headers.get('etag') ?? 'none';
}
