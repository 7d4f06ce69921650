// Calls the operations of /openapi.json with the examples that the document shows, as a reader does who tries them.
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

/** Their token comes by mail; contract/strict-shop.test.ts calls them. */
const MAILED = ['resetPassword', 'verifyEmail', 'confirmLogin'];
/** What other calls need is gone after these. */
const LAST = ['deleteProduct', 'changePassword'];
/** An order is waited for as long as can be. */
const SETTLED = { prefer: 'wait=10' };
const OF_A_SESSION = ['refreshSession', 'logout'];
const OF_AN_ORDER = ['getOrder', 'cancelOrder', 'advanceOrder'];

/**
 * Calls each operation once, and gives its name with the status that came and with the one that the document names first.
 * Taken from the system is only what no document can know: tokens, versions, and the number of an order.
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
  for (const call of calls) came.push(`${call.operation.operationId} ${await make(call, client, document)}`);
  return { came, shown: calls.map(({ operation }) => `${operation.operationId} ${firstStatus(operation)}`) };
}

const firstStatus = ({ responses }: Operation): string => Object.keys(responses)[0] ?? 'nothing';

function callsOf({ paths, components: { schemas } }: Document): Call[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => {
      const [media] = Object.values(operation.requestBody?.content ?? {});
      const schema = media && schemas[media.schema.$ref.replace('#/components/schemas/', '')];
      return { method: method.toUpperCase(), path, operation, body: schema?.examples?.[0] };
    }),
  );
}

/** The status, and what is wrong when it is not the one that is shown. */
async function make(call: Call, client: Client, document: Document): Promise<string> {
  const { method, operation } = call;
  const { operationId, parameters = [], tags } = operation;
  const isStaffs = tags[0] === 'Administration' || operationId === 'advanceOrder';
  const session = await signIn(client, isStaffs ? 'STAFF' : 'CUSTOMER');
  const example = (name: string) => parameters.find((parameter) => parameter.name === name)?.example;
  const id = OF_AN_ORDER.includes(operationId) ? await anOrder(client, document) : example('id');
  const path = call.path.replace('{id}', String(id));
  const { token } = session;
  const headers: Record<string, string> = { ...SETTLED };
  if (example('Idempotency-Key') !== undefined)
    headers['idempotency-key'] = String(example('Idempotency-Key'));
  if (example('If-Match') !== undefined)
    headers['if-match'] = await tagOf(client, call.path, String(id), token);
  const body = OF_A_SESSION.includes(operationId)
    ? { ...call.body, refresh_token: session.refresh }
    : call.body;
  const { status, text } = await client.rest(method, path, { token, body, headers });
  return String(status) === firstStatus(operation) ? String(status) : `${status} ${text}`;
}

async function signIn(
  client: Client,
  role: DemoAccount['role'],
): Promise<{ token: string; refresh: string }> {
  const { username, password } = DEMO_ACCOUNTS.find((account) => account.role === role) ?? {};
  const { body } = await client.rest('POST', '/login', { body: { username, password } });
  secretsUsed.add(body.token).add(body.refresh_token);
  return { token: body.token, refresh: body.refresh_token };
}

/** The number of an order that the demo account places with the example. */
async function anOrder(client: Client, document: Document): Promise<number> {
  const { token } = await signIn(client, 'CUSTOMER');
  const body = callsOf(document).find(({ operation }) => operation.operationId === 'createOrder')?.body;
  return (await client.rest('POST', '/orders', { token, body, headers: SETTLED })).body.id;
}

/** The version of now, of `/orders/{id}` for `/orders/{id}/cancel`. */
async function tagOf(client: Client, path: string, id: string, token: string): Promise<string> {
  const thing = path.slice(0, path.indexOf('}') + 1).replace('{id}', id);
  return (await client.rest('GET', thing, { token })).headers.get('etag') ?? 'none';
}
