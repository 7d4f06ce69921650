// Limits over HTTP: which fields and requests count, what a caller over a limit receives, and what is not executed then.
// One gateway serves all tests: each test calls from addresses and as users of its own.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type StubSystem, type SubgraphName, startStubSystem } from './stub-system.ts';

const HEADER = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])';
const SCHEMAS: Record<SubgraphName, string> = {
  users: `${HEADER} type Query { me: String echo(text: String): String sure: String! }
    type Mutation { login(input: LoginInput!): String } input LoginInput { username: String! }`,
  products: `${HEADER} type Query { pot: String }`,
  orders: `${HEADER} type Query { order: String } type Mutation { createOrder(n: Int): String other: String }`,
};
const PER_ADDRESS = 5;
const PER_USER = 9;
const INVALID = 5;
const RATE_LIMITS = `address=${PER_ADDRESS}/1m,user=${PER_USER}/1m,invalid=${INVALID}/1m,createOrder=2/1m,login=20/1m`;

export function describeLimitedRequests(): void {
  /** The names of the fields that the subgraphs resolved, in order. */
  let resolved: string[] = [];
  const resolve = (name: string) => (_: unknown, args: Record<string, unknown>) => {
    resolved.push(name);
    return String(Object.values(args)[0] ?? name);
  };
  const resolvers = {
    users: {
      Query: { me: resolve('me'), echo: resolve('echo'), sure: resolve('sure') },
      Mutation: { login: () => 'in' },
    },
    products: { Query: { pot: resolve('pot') } },
    orders: {
      Query: { order: resolve('order') },
      Mutation: { createOrder: resolve('createOrder'), other: resolve('other') },
    },
  };

  let system: StubSystem;
  beforeAll(async () => {
    const settings = { RATE_LIMITS, TRUSTED_PROXIES: '1' };
    system = await startStubSystem({ resolvers, schemas: SCHEMAS, settings });
  });
  afterAll(() => system.close());

  let tests = 0;
  let address: string;
  let ada: string;
  let bob: string;
  beforeEach(() => {
    tests += 1;
    address = `192.0.2.${tests}`;
    [ada, bob] = [`${2 * tests}`, `${2 * tests + 1}`];
    resolved = [];
  });

  interface AskOptions {
    readonly variables?: Record<string, unknown>;
    readonly userId?: string;
    readonly path?: string;
  }

  const bearer = async (userId: string) => ({ authorization: `Bearer ${await system.token(userId)}` });

  /** Sends a request from the address of the test. */
  const send = (
    path: string,
    { headers, ...init }: RequestInit & { headers?: Record<string, string> } = {},
  ) =>
    fetch(system.url + path, {
      redirect: 'manual',
      headers: { 'x-forwarded-for': address, 'apollo-require-preflight': '1', ...headers },
      ...init,
    });

  async function ask(query: string, { variables = {}, userId, path = '/graphql' }: AskOptions = {}) {
    const reply = await send(path, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/graphql-response+json',
        ...(userId && (await bearer(userId))),
      },
      body: JSON.stringify({ query, variables }),
    });
    const { data = null, errors = [] } = JSON.parse(await reply.text());
    return { status: reply.status, headers: reply.headers, data, errors };
  }

  /** Takes so many calls from the limit of the address or of the user. */
  async function spend(calls: number, userId?: string): Promise<void> {
    const aliases = Array.from({ length: calls }, (_, index) => `a${index}: me`).join(' ');
    const { errors } = await ask(`{ ${aliases} }`, userId === undefined ? {} : { userId });
    expect(errors).toEqual([]);
    resolved = [];
  }

  /** Sends invalid requests until so many more are allowed. */
  async function leaveInvalid(left: number): Promise<void> {
    for (let sent = 0; sent < INVALID - left; sent += 1) expect((await send('/nowhere')).status).toBe(404);
  }

  const limitedError = (path: string, name: string) => ({
    message: expect.stringMatching(
      new RegExp(`^${name}: at most \\d+ calls in 60 s are expected; try again in`),
    ),
    path: [path],
    extensions: { code: 'RATE_LIMITED', retryAfter: expect.any(Number) },
  });

  describe('what counts as a call', () => {
    it('is every root field, with aliases and the fields of fragments', async () => {
      const { data, errors } = await ask(
        `query { a: me b: me ... { c: me } ...Rest d: me }
       fragment Rest on Query { e: pot ...More } fragment More on Query { f: order g: me }`,
      );
      expect(data).toEqual({ a: 'me', b: 'me', c: 'me', e: 'pot', f: 'order', g: null, d: null });
      expect(errors).toEqual([limitedError('g', 'me'), limitedError('d', 'me')]);
    });

    it('is what is executed: a merged field once, a skipped field never, also where a variable decides', async () => {
      await spend(PER_ADDRESS - 3);
      const query = `query ($no: Boolean!) {
      me me ...Again ...Again a: pot @include(if: $no) b: pot @skip(if: true) ... @include(if: $no) { c: pot }
      d: pot @skip(if: $no) e: order } fragment Again on Query { me }`;
      const variables = { no: false };
      expect(await ask(query, { variables })).toMatchObject({ data: { me: 'me', d: 'pot', e: 'order' } });
      expect((await ask(query, { variables })).data).toEqual({ me: null, d: null, e: null });
    });

    it('is introspection too', async () => {
      await spend(PER_ADDRESS - 2);
      const query = '{ __schema { queryType { name } } __type(name: "Query") { name } }';
      expect((await ask(query)).data).toMatchObject({ __type: { name: 'Query' } });
      expect(await ask(query)).toMatchObject({ status: 429, data: null });
      expect((await ask('{ me }')).data).toEqual({ me: null });
    });

    it('is neither __typename nor an operation that cannot be executed', async () => {
      await spend(PER_ADDRESS - 1);
      for (const query of ['{ nonsense }', '{', '{ echo(text: 1) }'])
        expect((await ask(query)).headers.get('ratelimit')).toMatch(/^"address";r=1;t=\d+$/);
      const wrong = await ask('query ($text: String) { echo(text: $text) }', { variables: { text: 1 } });
      expect(wrong.errors[0]?.extensions.code).toBe('BAD_USER_INPUT');
      expect((await ask('{ __typename me }')).data).toEqual({ __typename: 'Query', me: 'me' });
    });

    it('is counted by the user of a signed-in caller and by the address of any other', async () => {
      await spend(PER_USER - 2, ada);
      await spend(PER_ADDRESS - 1);
      expect((await ask('{ a: me b: me c: me }', { userId: ada })).data).toEqual({
        a: 'me',
        b: 'me',
        c: null,
      });
      expect((await ask('{ me }', { userId: bob })).data).toEqual({ me: 'me' });
      expect((await ask('{ me }')).data).toEqual({ me: 'me' });
      expect((await ask('{ me }')).data).toEqual({ me: null });
    });

    it('is a login under the limit that RATE_LIMITS names', async () => {
      const statuses: number[] = [];
      for (let each = 0; each < 22; each += 1)
        statuses.push((await ask('mutation { login(input: { username: "ada" }) }')).status);
      expect(statuses).toEqual([...Array(20).fill(200), 429, 429]);
    });
  });

  describe('a field over its limit', () => {
    it('is null beside the others, and the subgraph receives an operation without it', async () => {
      await spend(PER_ADDRESS - 2);
      const query = 'query ($text: String) { __typename pot a: echo(text: $text) b: echo(text: $text) }';
      const partial = await ask(query, { variables: { text: 'hello' } });
      expect(partial.status).toBe(200);
      expect(partial.data).toEqual({ __typename: 'Query', pot: 'pot', a: 'hello', b: null });
      expect(partial.errors).toEqual([limitedError('b', 'echo')]);
      expect(partial.errors[0]?.extensions.retryAfter).toBeGreaterThan(30);
      expect(resolved.sort()).toEqual(['echo', 'pot']);
    });

    it('is null under a name that every object inherits, too', async () => {
      await spend(PER_ADDRESS - 1);
      const { data } = await ask('{ a: me __proto__: me constructor: me }');
      expect(JSON.stringify(data)).toBe('{"a":"me","__proto__":null,"constructor":null}');
    });

    it('changes no plan: a caller below the limit receives the whole operation', async () => {
      await spend(PER_ADDRESS - 1);
      const query = 'query Same { me pot }';
      expect((await ask(query)).data).toEqual({ me: 'me', pot: null });
      expect((await ask(query, { userId: ada })).data).toEqual({ me: 'me', pot: 'pot' });
      expect((await ask(query)).data).toEqual({ me: null, pot: null });
    });

    it('makes data null where it cannot be null, and then no field is executed', async () => {
      await spend(PER_ADDRESS - 1);
      const reply = await ask('{ me sure }');
      expect(reply.data).toBeNull();
      expect(reply.errors).toEqual([limitedError('sure', 'sure')]);
      expect(resolved).toEqual([]);
    });

    it('keeps the whole mutation from being executed', async () => {
      const query = 'mutation { other a: createOrder(n: 1) b: createOrder(n: 2) c: createOrder(n: 3) }';
      const reply = await ask(query, { userId: ada });
      expect(reply.data).toBeNull();
      expect(reply.errors).toEqual([limitedError('c', 'createOrder')]);
      expect(resolved).toEqual([]);
    });

    it('makes the reply a 429 with Retry-After when no other field is left', async () => {
      await spend(PER_ADDRESS);
      const reply = await ask('{ __typename a: me b: pot }');
      expect(reply.status).toBe(429);
      expect(reply.data).toEqual({ __typename: 'Query', a: null, b: null });
      expect(Number(reply.headers.get('retry-after'))).toBe(reply.errors[0]?.extensions.retryAfter);
      expect(resolved).toEqual([]);
    });
  });

  describe('the RateLimit header fields', () => {
    it('name the limit that the request met, or the limit that the next request will meet', async () => {
      const order = await ask('mutation { createOrder(n: 1) }', { userId: ada });
      expect(order.headers.get('ratelimit-policy')).toBe('"createOrder";q=2;w=60');
      expect(order.headers.get('ratelimit')).toMatch(/^"createOrder";r=1;t=(60|59)$/);
      await ask('{ me }');
      const page = await send('/openapi.json');
      expect(page.headers.get('ratelimit-policy')).toBe(`"address";q=${PER_ADDRESS};w=60`);
      expect(page.headers.get('ratelimit')).toMatch(/^"address";r=4;t=\d+$/);
      for (const path of ['/', '/nowhere', '/profile'])
        expect((await send(path)).headers.get('ratelimit')).toMatch(/^"address";r=4;t=\d+$/);
    });

    it.each(['/.well-known/jwks.json', '/products/nonsense'])(
      'stand in the reply of %s, too',
      async (path) => {
        const { headers } = await send(path);
        expect(headers.get('ratelimit-policy')).toBe(`"address";q=${PER_ADDRESS};w=60`);
        expect(headers.get('ratelimit')).toMatch(/^"address";r=[45];t=\d+$/);
      },
    );
  });

  describe('a request that executes no field', () => {
    it('counts, and after too many of them the gateway refuses every request of the caller', async () => {
      await leaveInvalid(3);
      for (const query of ['{', '{ nonsense }', `{ ${'a '.repeat(3_000)} }`])
        expect((await ask(query)).status).toBe(400);
      for (const query of ['{', '{ me }']) {
        const refused = await ask(query);
        expect(refused.status).toBe(429);
        expect(refused.errors).toEqual([
          {
            message: expect.stringMatching(
              /^At most 5 requests that execute no field are expected in 60 s; try again in \d+ s\.$/,
            ),
            extensions: { code: 'RATE_LIMITED', retryAfter: expect.any(Number) },
          },
        ]);
        expect(refused.headers.get('ratelimit')).toMatch(/^"invalid";r=0;t=\d+$/);
        expect(Number(refused.headers.get('retry-after'))).toBe(refused.errors[0]?.extensions.retryAfter);
      }
      expect((await ask('{ me }', { userId: ada })).data).toEqual({ me: 'me' });
      expect(resolved).toEqual(['me']);
    });

    it('counts under every spelling of the path', async () => {
      await leaveInvalid(2);
      const askEscaped = () => ask('{ nonsense }', { path: '/%67raphql' });
      for (const status of [400, 400, 429]) expect((await askEscaped()).status).toBe(status);
      expect((await ask('{ me }')).status).toBe(429);
      expect((await askEscaped()).errors[0]?.extensions.code).toBe('RATE_LIMITED');
    });

    it('does not count when another limit refused it', async () => {
      await leaveInvalid(1);
      await spend(PER_ADDRESS);
      for (const _ of [1, 2, 3]) expect((await ask('{ me }')).status).toBe(429);
      expect((await ask('{ __typename }')).status).toBe(200);
    });

    it('counts at every path: bad input, no token, unknown paths, pages, and __typename alone', async () => {
      const calls: [status: number, method: string, path: string, accept?: string][] = [
        [400, 'GET', '/products?limit=x'],
        [401, 'GET', '/profile'],
        [415, 'POST', '/login'],
        [404, 'GET', '/nowhere'],
        [405, 'DELETE', '/products'],
        [200, 'GET', '/'],
        [200, 'HEAD', '/docs'],
        [200, 'GET', '/openapi.json'],
        [200, 'GET', '/problems/not-found'],
        [404, 'GET', '/assets/unknown.js'],
        [200, 'GET', '/console/orders'],
        [200, 'GET', '/.well-known/jwks.json'],
        [200, 'GET', '/graphql', 'text/html'],
        [200, 'GET', '/graphql?query={__typename}'],
      ];
      for (const [index, [status, method, path, accept = '*/*']] of calls.entries()) {
        address = `198.51.100.${index}`;
        await leaveInvalid(1);
        const call = () => send(path, { method, headers: { accept } });
        expect([path, (await call()).status, (await call()).status]).toEqual([path, status, 429]);
      }
    });

    it('keeps the caller from every path after too many, with the error format of each path', async () => {
      await leaveInvalid(0);
      const refused = await send('/products');
      expect([refused.status, refused.headers.get('content-type')]).toEqual([
        429,
        'application/problem+json',
      ]);
      expect(refused.headers.get('ratelimit-policy')).toBe('"invalid";q=5;w=60');
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(30);
      expect(await refused.json()).toMatchObject({ code: 'RATE_LIMITED', title: 'Too many requests' });
      expect((await ask('{ me }')).errors[0]?.extensions.code).toBe('RATE_LIMITED');
      expect((await send('/nowhere', { headers: await bearer(ada) })).status).toBe(404);
    });

    it('does not count as a preflight of a browser, which does not name its caller', async () => {
      await leaveInvalid(1);
      const preflight = () => send('/products', { method: 'OPTIONS' });
      for (const _ of [1, 2, 3]) expect((await preflight()).status).toBe(204);
      expect((await send('/nowhere')).status).toBe(404);
      expect((await send('/nowhere')).status).toBe(429);
      expect((await preflight()).status).toBe(204);
    });
  });
}
