// Calls of a subgraph that sends unusable replies, and the gate that bounds the bytes that are read at the same time.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { AppError } from '@holdfast/platform/errors';
import { createUnreadRequest } from '@holdfast/platform/http/request';
import type { HttpRequest } from '@holdfast/platform/http/server';
import { afterEach, describe, expect, it } from '@jest/globals';
import { GraphQLError } from 'graphql';
import { createByteGate } from './byte-gate.ts';
import { createReceived, createReplySizes } from './reply-sizes.ts';
import { createSubgraph, Silent, type Subgraph } from './subgraph.ts';

const MAX_REPLY_BYTES = 1_000_000;

let server: Server;
let subgraph: Subgraph;
let calls = 0;

async function start(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  timeoutMs = 10_000,
) {
  calls = 0;
  server = createServer((request, response) => {
    calls += 1;
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  subgraph = createSubgraph({
    name: 'orders',
    url: `http://127.0.0.1:${port}/graphql`,
    timeoutMs,
    connections: 2,
    connectionMaxAgeMs: 30_000,
    replySizes: createReplySizes(MAX_REPLY_BYTES),
    gate: createByteGate(MAX_REPLY_BYTES),
    serviceToken: async () => 'Bearer test',
  });
}
describe('a call of a subgraph', () => {
  afterEach(async () => {
    server.closeAllConnections();
    server.close();
    await subgraph.close();
  });

  const json = (response: ServerResponse, status: number, body: unknown) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));

  /** A request as the gateway has it when it calls a subgraph. */
  const request = (): HttpRequest => ({
    ...createUnreadRequest(),
    method: 'POST',
    deadlineAt: Date.now() + 15_000,
  });

  const send = (query = 'mutation { a: place }', variables: Record<string, unknown> = {}) =>
    subgraph.call(
      {
        subgraph: 'orders',
        text: query,
        body: JSON.stringify({ query, variables }),
        isMutation: query.startsWith('mutation'),
        path: ['a'],
      },
      { request: request(), address: '192.0.2.1', received: createReceived() },
    );

  async function errorOf(promise: Promise<unknown>): Promise<{ cause: AppError; error: GraphQLError }> {
    const error = await promise.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof GraphQLError) || !(error.originalError instanceof AppError))
      throw new Error(`no error: ${error}`);
    return { error, cause: error.originalError };
  }

  it('passes on data and errors with any status', async () => {
    const reply = {
      data: { a: null },
      errors: [{ message: 'no', path: ['a'], extensions: { code: 'FORBIDDEN' } }],
    };
    await start((_, response) => json(response, 400, reply));
    expect(await send()).toEqual(reply);
  });

  it.each([
    [
      'an error page',
      (_: IncomingMessage, response: ServerResponse) =>
        response.writeHead(502, { 'content-type': 'text/html' }).end('<h1>Bad'),
    ],
    [
      'a refused service token',
      (_: IncomingMessage, response: ServerResponse) =>
        json(response, 401, { errors: [{ message: 'no', extensions: { code: 'UNAUTHENTICATED' } }] }),
    ],
    [
      'no JSON',
      (_: IncomingMessage, response: ServerResponse) =>
        response.writeHead(200, { 'content-type': 'application/json' }).end('{'),
    ],
    ['another JSON', (_: IncomingMessage, response: ServerResponse) => json(response, 200, { hello: 1 })],
    [
      'errors that are none',
      (_: IncomingMessage, response: ServerResponse) => json(response, 200, { errors: ['x'] }),
    ],
    [
      'half a reply',
      (_: IncomingMessage, response: ServerResponse) => {
        response
          .writeHead(200, { 'content-type': 'application/json', 'content-length': 100 })
          .write('{"data"');
        setTimeout(() => response.destroy(), 20);
      },
    ],
    ['a closed connection', (request: IncomingMessage) => request.socket.destroy()],
    ['silence', () => undefined],
  ])('is SERVICE_UNAVAILABLE after %s, sent once, with the reason as the cause', async (_, answer) => {
    await start(answer, 150);
    const { error, cause } = await errorOf(send());
    expect(error.message).toBe('The orders service is not answering.');
    expect(error.extensions).toEqual({ code: 'SERVICE_UNAVAILABLE' });
    expect(error.path).toEqual(['a']);
    expect(cause.cause).toBeInstanceOf(Error);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(calls).toBe(1);
  });

  describe('an operation that the subgraph has not run', () => {
    const refusal = (message: string) => ({ errors: [{ message, extensions: { code: 'BAD_USER_INPUT' } }] });

    it('is sent to other instances, over new connections, until one runs it', async () => {
      const sockets = new Set<unknown>();
      await start((request, response) => {
        sockets.add(request.socket);
        if (calls < 4) json(response, 400, refusal('Cannot query field "sku" on type "Product".'));
        else json(response, 200, { data: { a: 'ok' } });
      });
      expect(await send()).toEqual({ data: { a: 'ok' } });
      expect({ calls, sockets: sockets.size }).toEqual({ calls: 4, sockets: 4 });
    });

    it('is not an error of the caller, and the log contains no value of a variable', async () => {
      const message =
        'Variable "$a" got invalid value "se; cret"; Field "sku" is not defined by type "NewProduct".';
      await start((_, response) => json(response, 400, refusal(message)));
      const { error, cause } = await errorOf(send());
      expect(error.toJSON()).toEqual({
        message: 'The orders service cannot do this right now.',
        path: ['a'],
        extensions: { code: 'SERVICE_UNAVAILABLE' },
      });
      expect(cause.cause).toMatchObject({
        message: 'the orders service has not run an operation that was planned for it',
        cause: { message: 'status 400: Field "sku" is not defined by type "NewProduct".' },
      });
      expect(calls).toBe(10);
    });

    const UNKNOWN = refusal('Cannot query field "sku" on type "Product".');

    it('is sent once for a second after no instance has run it; others are not', async () => {
      await start((_, response) => json(response, 400, UNKNOWN));
      const callsOf = async (query: string) => {
        const before = calls;
        await errorOf(send(query));
        return calls - before;
      };
      const firstAt = Date.now();
      expect([await callsOf('{ a }'), await callsOf('{ a }'), await callsOf('{ b }')]).toEqual([10, 1, 10]);
      // Its second is not begun anew by each call.
      let triedAgainAt = 0;
      while (triedAgainAt === 0 && Date.now() < firstAt + 10_000)
        if ((await callsOf('{ a }')) === 10) triedAgainAt = Date.now();
      expect(triedAgainAt - firstAt).toBeGreaterThanOrEqual(900);
      expect(triedAgainAt - firstAt).toBeLessThan(5_000);
    });

    it('is sent to several instances again as soon as one has run it', async () => {
      let isRun = false;
      await start((_, response) =>
        isRun ? json(response, 200, { data: {} }) : json(response, 400, UNKNOWN),
      );
      await errorOf(send());
      expect(calls).toBe(10);
      isRun = true;
      await send();
      isRun = false;
      await errorOf(send());
      expect(calls).toBe(21);
    });

    it('is sent once for a second when its variables were refused, while calls with other variables are run', async () => {
      await start(async (request, response) => {
        const { variables } = JSON.parse(await text(request));
        if (variables.a === 1) json(response, 200, { data: {} });
        else json(response, 400, refusal(`Variable "$a" got invalid value ${variables.a}; Not a Price.`));
      });
      await errorOf(send('{ a }', { a: 2 }));
      expect(calls).toBe(10);
      await send('{ a }', { a: 1 });
      await errorOf(send('{ a }', { a: 3 }));
      expect(calls).toBe(12);
    });

    it('takes no longer than one call may, with all repetitions', async () => {
      const remainingMs: number[] = [];
      await start((request, response) => {
        remainingMs.push(Number(request.headers['x-request-timeout-ms']));
        setTimeout(() => json(response, 400, UNKNOWN), 100);
      }, 250);
      await errorOf(send('{ a }'));
      expect(calls).toBeLessThanOrEqual(3);
      const most = remainingMs.map((_, sent) => 250 - sent * 99);
      expect(remainingMs.filter((each, sent) => each > (most[sent] ?? 0))).toEqual([]);
      const before = calls;
      await errorOf(send('{ a }'));
      expect(calls).toBe(before + 1);
    });

    it('is logged with the full reason when that contains no value', async () => {
      const message = 'Variable "$a" of type "Int" used in position expecting type "Int!".';
      await start((_, response) => json(response, 400, refusal(message)));
      const { cause } = await errorOf(send());
      expect(cause.cause).toMatchObject({ cause: { message: `status 400: ${message}` } });
    });

    it('is sent once when the request was refused and not its operation', async () => {
      await start((_, response) =>
        json(response, 413, refusal('The body: expected at most 4000000 bytes, got more.')),
      );
      const { error } = await errorOf(send());
      expect(error.extensions).toEqual({ code: 'SERVICE_UNAVAILABLE' });
      expect(calls).toBe(1);
    });
  });

  describe('the SDL of a subgraph', () => {
    const ends = (_: IncomingMessage, response: ServerResponse) => response.destroy();

    it.each([
      ['hangs up', true, ends],
      ['does not answer', true, () => undefined],
      [
        'refuses the service token',
        false,
        (_: IncomingMessage, response: ServerResponse) => json(response, 401, {}),
      ],
      ['fails', false, (_: IncomingMessage, response: ServerResponse) => json(response, 500, {})],
      [
        'does not mention it',
        false,
        (_: IncomingMessage, response: ServerResponse) => json(response, 200, { data: {} }),
      ],
      [
        'says too much',
        false,
        (_: IncomingMessage, response: ServerResponse) =>
          json(response, 200, { data: { _service: { sdl: 'x'.repeat(MAX_REPLY_BYTES) } } }),
      ],
    ])('that %s is not had; silent: %s', async (_, isSilent, answer) => {
      await start(answer);
      const error = await subgraph.sdl().catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(Error);
      expect(error instanceof Silent).toBe(isSilent);
    });

    it('cannot be fetched from a subgraph that is not reachable, which is Silent', async () => {
      await start(ends);
      server.close();
      await expect(subgraph.sdl()).rejects.toBeInstanceOf(Silent);
    });
  });

  it('keeps the connections for the next call', async () => {
    const sockets = new Set<unknown>();
    await start((request, response) => {
      sockets.add(request.socket);
      json(response, 200, { data: { a: 'ok' } });
    });
    for (let call = 0; call < 20; call += 1) await send();
    // The next call may come while the pool still puts the last one away.
    expect(sockets.size).toBeLessThanOrEqual(2);
  });

  describe('a reply that is too large', () => {
    const large = { data: { a: 'x'.repeat(MAX_REPLY_BYTES) } };
    const sizes = 'A reply of at most 1000000 bytes is expected, and this one is larger';

    const expectRefused = async (query: string, message: string) => {
      const { error } = await errorOf(send(query));
      expect({ message: error.message, path: error.path, extensions: error.extensions }).toEqual({
        message,
        path: ['a'],
        extensions: { code: 'QUERY_TOO_COMPLEX', limit: MAX_REPLY_BYTES },
      });
    };

    it('is refused with and without Content-Length; after a mutation the message says that it was executed', async () => {
      await start((request, response) => {
        // Without a length the body is sent in chunks.
        if (request.headers['x-request-timeout-ms'] === undefined) response.destroy();
        if (calls % 2 === 1) response.setHeader('content-length', JSON.stringify(large).length);
        json(response, 200, large);
      });
      for (const round of [1, 2]) {
        expect(round).toBeGreaterThan(0);
        await expectRefused('{ a: pots }', `${sizes}: ask for less at a time.`);
      }
      for (const round of [1, 2]) {
        expect(round).toBeGreaterThan(0);
        await expectRefused(
          'mutation { a: place }',
          `The mutation was executed, but what it gives cannot be shown. ${sizes}.`,
        );
      }
      expect(calls).toBe(4);
    });

    it('is not read to its end, and its connection is closed', async () => {
      let sent = 0;
      let closed: Promise<unknown> | undefined;
      await start((request, response) => {
        closed = new Promise((resolve) => request.socket.on('error', () => undefined).once('close', resolve));
        response.writeHead(200, { 'content-type': 'application/json' });
        const more = () => {
          while (!response.destroyed && response.write('x'.repeat(10_000))) sent += 10_000;
        };
        response.on('drain', more);
        more();
      });
      await expectRefused('{ a: pots }', `${sizes}: ask for less at a time.`);
      await closed;
      // What the kernel's buffers of both sides hold comes on top.
      expect(sent).toBeLessThan(MAX_REPLY_BYTES + 20_000_000);
    });

    it('does not concern smaller replies', async () => {
      const most = { data: { a: 'x'.repeat(MAX_REPLY_BYTES - 100) } };
      await start((_, response) => json(response, 200, most));
      expect(await send('{ a: pots }')).toEqual(most);
    });
  });
});

describe('the byte gate', () => {
  const never = new AbortController().signal;

  /** What has come in, in order. */
  function enterAll(sizes: readonly number[], max: number) {
    const gate = createByteGate(max);
    const inside: number[] = [];
    const leaves = sizes.map((size) =>
      gate.enter(size, never).then((leave) => {
        inside.push(size);
        return leave;
      }),
    );
    return { inside, leaves };
  }

  const settled = () => new Promise((resolve) => setImmediate(resolve));

  it('admits replies that fit, first come first served, and the next ones as others leave', async () => {
    const { inside, leaves } = enterAll([6, 3, 5, 1], 10);
    await settled();
    expect(inside).toEqual([6, 3]);
    (await leaves[1])?.();
    await settled();
    expect(inside).toEqual([6, 3]);
    (await leaves[0])?.();
    await settled();
    expect(inside).toEqual([6, 3, 5, 1]);
  });

  it('admits a reply that is larger than the gate only alone', async () => {
    const { inside, leaves } = enterAll([1, 20, 1], 10);
    await settled();
    expect(inside).toEqual([1]);
    (await leaves[0])?.();
    await settled();
    expect(inside).toEqual([1, 20]);
    (await leaves[1])?.();
    await settled();
    expect(inside).toEqual([1, 20, 1]);
  });

  it('forgets callers that give up while they wait', async () => {
    const gate = createByteGate(10);
    const leave = await gate.enter(10, never);
    const abort = new AbortController();
    const waiting = gate.enter(10, abort.signal);
    abort.abort(new Error('too late'));
    await expect(waiting).rejects.toThrow('too late');
    const next = gate.enter(10, never);
    leave();
    (await next)();
    // One that was aborted before it came does not wait either.
    await expect(gate.enter(1, abort.signal)).rejects.toThrow('too late');
  });
});
