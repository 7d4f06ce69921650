// Limits on what is executed: which fields count, what a refused one answers, and what is not even asked.
import { afterEach, describe, expect, it } from '@jest/globals';
import { type LimitedSystem, startLimitedSystem } from '../test/limited-system.ts';

/** Ids of users. */
const ADA = '7';
const BOB = '8';

let system: LimitedSystem;
const start = async (limits: string) => {
  system = await startLimitedSystem(limits);
};
afterEach(() => system.close());

const ask: LimitedSystem['ask'] = (...call) => system.ask(...call);

const refusal = (path: string, name: string) => ({
  message: expect.stringMatching(
    new RegExp(`^${name}: at most \\d+ calls in 60 s are expected; try again in`),
  ),
  path: [path],
  extensions: { code: 'RATE_LIMITED', retryAfter: expect.any(Number) },
});

describe('what counts', () => {
  it('is every root field: aliases, fragments and what comes in them', async () => {
    await start('address=5/1m');
    const { data, errors } = await ask(
      `query { a: me b: me ... { c: me } ...Rest d: me }
       fragment Rest on Query { e: pot ...More } fragment More on Query { f: order g: me }`,
    );
    expect(data).toEqual({ a: 'me', b: 'me', c: 'me', e: 'pot', f: 'order', g: null, d: null });
    expect(errors).toEqual([refusal('g', 'me'), refusal('d', 'me')]);
  });

  it('is what is executed: merged fields once, skipped ones never, with variables decided', async () => {
    await start('address=3/1m');
    const query = `query ($no: Boolean!) {
      me me ...Again ...Again a: pot @include(if: $no) b: pot @skip(if: true) ... @include(if: $no) { c: pot }
      d: pot @skip(if: $no) e: order } fragment Again on Query { me }`;
    expect(await ask(query, { no: false })).toMatchObject({ data: { me: 'me', d: 'pot', e: 'order' } });
    expect((await ask(query, { no: false })).data).toEqual({ me: null, d: null, e: null });
  });

  it('is introspection as well', async () => {
    await start('address=2/1m');
    const query = '{ __schema { queryType { name } } __type(name: "Query") { name } }';
    expect((await ask(query)).data).toMatchObject({ __type: { name: 'Query' } });
    expect(await ask(query)).toMatchObject({ status: 429, data: null });
    expect((await ask('{ me }')).data).toEqual({ me: null });
  });

  it('is not __typename, nor what cannot be executed', async () => {
    await start('address=1/1m');
    for (const query of ['{ __typename }', '{ nonsense }', '{', '{ echo(text: 1) }'])
      expect((await ask(query)).headers.get('ratelimit')).toMatch(/^"address";r=1;t=60$/);
    const wrong = await ask('query ($text: String) { echo(text: $text) }', { text: 1 });
    expect(wrong.errors[0]?.extensions.code).toBe('BAD_USER_INPUT');
    expect((await ask('{ me }')).data).toEqual({ me: 'me' });
    expect((await ask('{ __typename }')).data).toEqual({ __typename: 'Query' });
  });

  it('is a user where one is signed in, an address otherwise, and neither costs the other anything', async () => {
    await start('user=2/1m,address=1/1m');
    expect((await ask('{ a: me b: me c: me }', {}, ADA)).data).toEqual({ a: 'me', b: 'me', c: null });
    expect((await ask('{ me }', {}, BOB)).data).toEqual({ me: 'me' });
    expect((await ask('{ me }')).data).toEqual({ me: 'me' });
    expect((await ask('{ me }')).data).toEqual({ me: null });
  });
});

describe('RATE_LIMITS', () => {
  it('login=20/1m lets one address have 20 tries a minute', async () => {
    await start('login=20/1m');
    const statuses: number[] = [];
    for (let each = 0; each < 22; each += 1)
      statuses.push((await ask('mutation { login(input: { username: "ada" }) }')).status);
    expect(statuses).toEqual([...Array(20).fill(200), 429, 429]);
  });
});

describe('a refused field of an inherited name', () => {
  it('is null like any other', async () => {
    await start('address=1/1m');
    const { data } = await ask('{ a: me __proto__: me constructor: me }');
    expect(JSON.stringify(data)).toBe('{"a":"me","__proto__":null,"constructor":null}');
  });
});

describe('a refused field', () => {
  it('is null beside the others, which are asked for as if it were not there', async () => {
    await start('address=2/1m');
    const query = 'query ($text: String) { __typename pot a: echo(text: $text) b: echo(text: $text) }';
    const partial = await ask(query, { text: 'hello' });
    expect(partial.status).toBe(200);
    expect(partial.data).toEqual({ __typename: 'Query', pot: 'pot', a: 'hello', b: null });
    expect(partial.errors).toEqual([refusal('b', 'echo')]);
    expect(partial.errors[0]?.extensions.retryAfter).toBeGreaterThan(50);
    expect(system.asked.sort()).toEqual(['echo', 'pot']);
  });

  it('leaves no trace in the plans: the whole operation works again for who may', async () => {
    await start('address=1/1m,user=9/1m');
    expect((await ask('query Same { me pot }')).data).toEqual({ me: 'me', pot: null });
    expect((await ask('query Same { me pot }', {}, ADA)).data).toEqual({ me: 'me', pot: 'pot' });
    expect((await ask('query Same { me pot }')).data).toEqual({ me: null, pot: null });
  });

  it('that cannot be null makes data null, and then nothing is asked', async () => {
    await start('address=1/1m');
    const reply = await ask('{ me sure }');
    expect(reply.data).toBeNull();
    expect(reply.errors).toEqual([refusal('sure', 'sure')]);
    expect(system.asked).toEqual([]);
  });

  it('of a mutation keeps the whole mutation from happening', async () => {
    await start('createOrder=2/1m');
    const query = 'mutation { other a: createOrder(n: 1) b: createOrder(n: 2) c: createOrder(n: 3) }';
    const reply = await ask(query, {}, ADA);
    expect(reply.data).toBeNull();
    expect(reply.errors).toEqual([refusal('c', 'createOrder')]);
    expect(system.asked).toEqual([]);
  });

  it('makes the reply a 429 with Retry-After when nothing else was asked for', async () => {
    await start('address=1/1m');
    await ask('{ me }');
    const reply = await ask('{ __typename a: me b: pot }');
    expect(reply.status).toBe(429);
    expect(reply.data).toEqual({ __typename: 'Query', a: null, b: null });
    expect(Number(reply.headers.get('retry-after'))).toBe(reply.errors[0]?.extensions.retryAfter);
    expect(system.asked).toEqual(['me']);
  });
});

describe('the header fields', () => {
  it('say the policy that was met and what is left of it, or of the one to be met next', async () => {
    await start('address=3/1m,user=9/1m,createOrder=2/1m');
    const order = await ask('mutation { createOrder(n: 1) }', {}, ADA);
    expect(order.headers.get('ratelimit-policy')).toBe('"createOrder";q=2;w=60');
    expect(order.headers.get('ratelimit')).toMatch(/^"createOrder";r=1;t=(60|59)$/);
    await ask('{ me }');
    const page = await fetch(`${system.url}/openapi.json`);
    expect(page.headers.get('ratelimit-policy')).toBe('"address";q=3;w=60');
    expect(page.headers.get('ratelimit')).toMatch(/^"address";r=2;t=(60|59)$/);
    for (const path of ['/', '/nowhere', '/profile', '/products/nonsense', '/.well-known/jwks.json'])
      expect((await fetch(system.url + path)).headers.get('ratelimit')).toMatch(/^"address";r=\d;t=\d+$/);
  });

  it('are not there when limits are off', async () => {
    await start('off');
    const { headers } = await ask('{ me }');
    expect(headers.has('ratelimit')).toBe(false);
    expect(headers.has('ratelimit-policy')).toBe(false);
  });
});
