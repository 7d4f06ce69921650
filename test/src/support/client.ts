// A client of the whole system: REST and GraphQL over real HTTP. It checks every REST reply against the contract.
import { randomInt } from 'node:crypto';
import { createContract, type ReplyToCheck } from './contract.ts';

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: a test checks the body of a reply member by member
  readonly body: any;
  readonly text: string;
}

export interface Call {
  readonly token?: string | undefined;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface GraphQLReply {
  // biome-ignore lint/suspicious/noExplicitAny: a test checks the data of a reply member by member
  readonly data: any;
  readonly errors: {
    message: string;
    path?: (string | number)[];
    extensions: { code: string } & Record<string, unknown>;
  }[];
  readonly status: number;
}

export interface Account {
  /** A decimal string, as GraphQL shows it. REST accepts it too, and shows a number. */
  readonly id: string;
  readonly username: string;
  readonly password: string;
  readonly token: string;
}

/** Every secret that this client has sent. No log may contain one of them. */
export const secretsUsed = new Set<string>();

/** Calls that create something. The client sends an idempotency key with them, so that a retry does not create it twice. */
const CREATING = new Set(['POST /orders', 'POST /products']);

export class Client {
  readonly baseUrl: string;
  readonly #check: (reply: ReplyToCheck) => void;

  private constructor(baseUrl: string, check: (reply: ReplyToCheck) => void) {
    this.baseUrl = baseUrl;
    this.#check = check;
  }

  static async of(baseUrl: string): Promise<Client> {
    const contract = await fetch(`${baseUrl}/openapi.json`);
    return new Client(baseUrl, createContract(JSON.parse(await contract.text())));
  }

  async rest(method: string, path: string, { token, body, headers = {} }: Call = {}): Promise<Reply> {
    const response = await fetch(this.baseUrl + path, {
      method,
      redirect: 'manual',
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(CREATING.has(`${method} ${path}`) ? { 'idempotency-key': crypto.randomUUID() } : {}),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const { status } = response;
    this.#check({ method, path: path.split('?')[0] ?? path, status, headers: response.headers, text });
    return { status, headers: response.headers, text, body: text === '' ? undefined : JSON.parse(text) };
  }

  async graphql(
    query: string,
    variables: Record<string, unknown> = {},
    token?: string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<GraphQLReply> {
    const response = await fetch(`${this.baseUrl}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        // With this media type the status says whether the operation was executed.
        accept: 'application/graphql-response+json',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...headers,
      },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors = [] } = JSON.parse(await response.text());
    return { data, errors, status: response.status };
  }

  /** A new account, signed in. */
  async account(name?: string): Promise<Account> {
    const registered = await this.register(name);
    return { ...registered, token: await this.signIn(registered.username, registered.password) };
  }

  /** A new account that is not signed in. */
  async register(name = uniqueName('user')): Promise<Omit<Account, 'token'>> {
    // The service judges letters in a tenth of the time that digits and a longer text take.
    const password = Array.from({ length: 16 }, () => String.fromCharCode(97 + randomInt(26))).join('');
    secretsUsed.add(password);
    const registered = await this.rest('POST', '/register', {
      body: { username: name, email: `${name}@example.com`, password },
    });
    if (registered.status !== 201)
      throw new Error(`register answered ${registered.status}: ${registered.text}`);
    return { id: String(registered.body.id), username: name, password };
  }

  /** An access token. */
  async signIn(username: string, password: string): Promise<string> {
    const login = await this.rest('POST', '/login', { body: { username, password } });
    if (login.status !== 200) throw new Error(`login answered ${login.status}: ${login.text}`);
    secretsUsed.add(login.body.token).add(login.body.refresh_token);
    return login.body.token;
  }

  /** A new product, as REST shows it, but with its id as a string. */
  async product(
    token: string,
    fields: Partial<{ name: string; description: string; price: number; stock: number }> = {},
  ): Promise<{ id: string; version: number; stock: number; price: number; name: string }> {
    const created = await this.rest('POST', '/products', {
      token,
      body: { name: 'A thing', description: 'For a test.', price: 19.99, stock: 10, ...fields },
    });
    if (created.status !== 201) throw new Error(`POST /products answered ${created.status}: ${created.text}`);
    return { ...created.body, id: String(created.body.id) };
  }
}

/** A name that no other test uses. */
export const uniqueName = (prefix: string): string => `${prefix}-${crypto.randomUUID().slice(0, 18)}`;

/** Repeats `ask` until its answer satisfies. @throws with the last answer after `withinMs` */
export async function eventually<T>(
  ask: () => Promise<T>,
  satisfies: (answer: T) => boolean,
  withinMs = 60_000,
): Promise<T> {
  const until = Date.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (satisfies(answer)) return answer;
    if (Date.now() > until)
      throw new Error(
        `the condition did not hold within ${withinMs} ms; the last answer was ${JSON.stringify(answer)}`,
      );
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
