// The calls of REST, their operations, their errors and their OpenAPI document belong together.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Supergraph } from '@apollo/federation-internals';
import type { User } from '@holdfast/platform/auth/viewer';
import { AppError, badInput } from '@holdfast/platform/errors';
import { createUnreadRequest } from '@holdfast/platform/http/request';
import { HttpError, MalformedBody } from '@holdfast/platform/http/server';
import { allHandled } from '@holdfast/platform/validation';
import { describe, expect, it } from '@jest/globals';
import { Validator } from '@seriousme/openapi-schema-validator';
import {
  type DocumentNode,
  type GraphQLObjectType,
  getNamedType,
  isLeafType,
  isObjectType,
  Kind,
  parse,
  type SelectionNode,
} from 'graphql';
import { z } from 'zod';
import { createReceived } from '../federation/reply-sizes.ts';
import {
  AccountFragmentDoc,
  OrderFieldsFragmentDoc,
  ProductFieldsFragmentDoc,
} from '../generated/operations.ts';
import { templateOf } from '../http/routes.ts';
import { fetchDocument, fetchReply } from '../test/published.ts';
import { OperationError, problemOf, restName } from './errors.ts';
import { type AnyVariables, type Operation, present } from './operation.ts';
import { isProblemCode, PROBLEMS } from './problem.ts';
import { problemPage } from './problem-page.ts';
import { REST_ROUTES } from './rest.ts';
import { isSecured } from './route.ts';

const document = await fetchDocument();

/** Every `$ref` in a document. */
function references(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === '$ref' ? [String(inner)] : references(inner),
  );
}

interface Described {
  readonly name?: string;
  readonly description?: string;
  readonly parameters?: readonly Described[];
}

/** The paths of members without a description, in schemas by their names. */
function undescribedMembers(schemas: Readonly<Record<string, Schema>>): string[] {
  return Object.entries(schemas).flatMap(([name, { properties = {}, items }]) => {
    const inner = items ? undescribedMembers({ [`${name}[]`]: items }) : [];
    const members = Object.entries(properties);
    return [
      ...inner,
      ...members.flatMap(([key, { description = '' }]) => (description === '' ? [`${name}.${key}`] : [])),
      ...undescribedMembers(Object.fromEntries(members.map(([key, schema]) => [`${name}.${key}`, schema]))),
    ];
  });
}

interface Schema extends Described {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
}

describe('the OpenAPI document', () => {
  it('keeps the rules of OpenAPI 3.1', async () => {
    expect(await new Validator().validate(document)).toEqual({ valid: true });
  });

  it('has the version of the project', () => {
    const root = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
    expect(document.info.version).toBe(JSON.parse(root).version);
  });

  it('has every call of the routes, and no other', () => {
    const calls = Object.entries<Record<string, unknown>>(document.paths).flatMap(([path, item]) =>
      Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const routes = REST_ROUTES.map(({ description: { method, url } }) => `${method} ${templateOf(url)}`);
    expect(calls.sort()).toEqual(routes.sort());
  });

  it('has 403 for disabled accounts where a session is opened, and not where one is refreshed', () => {
    const telling = ['/login', '/login/confirm', '/token/refresh'].filter(
      (path) => '403' in document.paths[path].post.responses,
    );
    expect(telling).toEqual(['/login', '/login/confirm']);
  });

  it('refers only to schemas that it contains', () => {
    for (const reference of references(document)) {
      const name = reference.replace('#/components/schemas/', '');
      expect(document.components.schemas).toHaveProperty([name]);
    }
  });

  it('gives each schema and each operation a unique name', () => {
    const ids = REST_ROUTES.map(({ description }) => description.schema.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    const byName = new Map<string, unknown>();
    for (const { description } of REST_ROUTES) {
      const { body, response } = description.schema;
      const schemas = [
        body,
        ...Object.values(response).map(({ content }) => content?.['application/json'].schema),
      ].map((schema) => (schema instanceof z.ZodArray ? schema.element : schema));
      for (const schema of schemas) {
        if (!(schema instanceof z.ZodType)) continue;
        const id = schema.meta()?.id ?? '';
        expect(id).toMatch(/^[A-Z]/);
        expect(byName.get(id) ?? schema).toBe(schema);
        byName.set(id, schema);
      }
    }
  });

  it('closes the objects of requests, and leaves the objects of replies open for the next version', () => {
    const bodies = REST_ROUTES.flatMap(({ description }) => description.schema.body?.meta()?.id ?? []);
    expect(bodies).toContain('NewOrder');
    for (const [name, schema] of Object.entries<object>(document.components.schemas))
      expect([name, 'additionalProperties' in schema]).toEqual([name, bodies.includes(name)]);
  });

  it('describes every call, parameter and member', () => {
    const undescribed = Object.entries<Record<string, Described>>(document.paths).flatMap(([path, calls]) =>
      Object.entries(calls).flatMap(([method, { parameters = [], ...call }]) =>
        [call, ...parameters]
          .filter(({ description = '' }) => description === '')
          .map(({ name = '' }) => `${method} ${path} ${name}`),
      ),
    );
    expect(undescribed).toEqual([]);
    expect(undescribedMembers(document.components.schemas)).toEqual([]);
  });

  it('marks the calls that require a body', () => {
    const bodyOf = (path: string) => document.paths[path].post.requestBody.required;
    expect([bodyOf('/orders/{id}/advance'), bodyOf('/orders/{id}/cancel')]).toEqual([true, false]);
  });

  it('describes the problems of every call', () => {
    for (const item of Object.values<Record<string, { responses: Record<string, { content?: object }> }>>(
      document.paths,
    )) {
      for (const { responses } of Object.values(item)) {
        for (const [status, { content }] of Object.entries(responses)) {
          if (Number(status) >= 400) expect(Object.keys(content ?? {})).toEqual(['application/problem+json']);
        }
      }
    }
  });
});

/** What the table of calls in docs/rest.md names: by call, the parameters of its query and the members of its body. */
function documentedCalls(): Map<string, Set<string>> {
  const text = readFileSync(new URL('../../../docs/rest.md', import.meta.url), 'utf8');
  const calls = new Map<string, Set<string>>();
  for (const [, row = ''] of text.matchAll(/^\| (`[A-Z]+ \/.*?) \|/gm)) {
    const call = /[A-Z]+ [^`?]+/.exec(row)?.[0] ?? '';
    const query = [...row.matchAll(/(\w+)=/g)].map(([, name = '']) => name);
    const body = /`\{(.*?)\}`/.exec(row)?.[1]?.match(/\w+/g) ?? [];
    calls.set(call, new Set([...(calls.get(call) ?? []), ...query, ...body]));
  }
  return calls;
}

it('docs/rest.md has every call, with the parameters of its query and the members of its body', () => {
  const calls = documentedCalls();
  const taken = REST_ROUTES.map(({ description: { method, url, schema } }): [string, Set<string>] => {
    // A change takes what a new product has: the table says "of the fields".
    const isChange = method === 'PUT' || method === 'PATCH';
    const body = isChange && url === '/products/:id' ? undefined : schema.body;
    const members = Object.keys({ ...schema.querystring?.shape, ...body?.shape });
    return [`${method} ${templateOf(url)}`, new Set(members)];
  });
  expect(calls).toEqual(new Map(taken));
});

it('these calls alone need no token', () => {
  const open = REST_ROUTES.filter(({ description }) => !isSecured(description.schema));
  expect(open.map(({ description: { method, url } }) => `${method} ${url}`).sort()).toEqual([
    'GET /products',
    'GET /products/:id',
    'POST /email/verify',
    'POST /login',
    'POST /login/confirm',
    'POST /logout',
    'POST /password/forgot',
    'POST /password/reset',
    'POST /register',
    'POST /token/refresh',
  ]);
});

describe('limits in the OpenAPI document', () => {
  interface Documented {
    readonly responses: Record<
      string,
      { headers: Record<string, { required: boolean }>; description: string }
    >;
  }

  it('are a 429 with Retry-After of every call, and the RateLimit fields of every reply', () => {
    for (const item of Object.values<Record<string, Documented>>(document.paths)) {
      for (const { responses } of Object.values(item)) {
        expect(responses['429']?.description).toContain('`RATE_LIMITED`');
        expect(responses['429']?.headers).toHaveProperty(['Retry-After', 'required'], true);
        for (const { headers } of Object.values(responses))
          expect(Object.keys(headers)).toEqual(expect.arrayContaining(['RateLimit-Policy', 'RateLimit']));
      }
    }
  });
});

it('the example of placing an order has an idempotency key', () => {
  expect(document.paths['/orders'].post.parameters).toContainEqual(
    expect.objectContaining({
      name: 'Idempotency-Key',
      example: expect.stringMatching(/^[0-9a-f-]{36}$/),
    }),
  );
});

it('the page of a problem lists the calls that can have it', () => {
  for (const code of document.components.schemas.Problem.properties.code.enum)
    expect(isProblemCode(code) && problemPage(code, REST_ROUTES).body).toContain(`<code>${code}</code>`);
  const { body } = problemPage('OUT_OF_STOCK', REST_ROUTES);
  expect(body.match(/<li>.*?<\/li>/g)).toEqual(['<li><code>POST /orders</code></li>']);
});

const file = fileURLToPath(new URL('../../supergraph.graphql', import.meta.url));
const schema = Supergraph.build(readFileSync(file, 'utf8')).apiSchema().toGraphQLJSSchema();

function objectType(name: string): GraphQLObjectType {
  const type = schema.getType(name);
  if (!isObjectType(type)) throw new Error(`${name} is expected to be an object type of the graph`);
  return type;
}

const fieldsIn = (selections: readonly SelectionNode[]) =>
  selections.flatMap((selection) => (selection.kind === Kind.FIELD ? [selection] : []));

const fieldsOf = ({ definitions }: DocumentNode) =>
  definitions.flatMap((definition) =>
    'selectionSet' in definition ? fieldsIn(definition.selectionSet.selections) : [],
  );

describe('the operations of REST', () => {
  it.each([
    ['User', AccountFragmentDoc],
    ['Product', ProductFieldsFragmentDoc],
    ['Order', OrderFieldsFragmentDoc],
  ])('request every leaf field of %s', (name, document) => {
    const leaves = Object.values(objectType(name).getFields()).filter(({ type }) =>
      isLeafType(getNamedType(type)),
    );
    const asked = fieldsOf(document).map((field) => field.name.value);
    expect(asked).toEqual(expect.arrayContaining(leaves.map((field) => field.name)));
  });

  it('give every argument of their root fields', () => {
    const roots = { ...schema.getQueryType()?.getFields(), ...schema.getMutationType()?.getFields() };
    const texts = REST_ROUTES.flatMap(({ operations }) => operations.map(({ text }) => text));
    for (const text of texts) {
      const [operation] = parse(text).definitions;
      if (operation?.kind !== Kind.OPERATION_DEFINITION) throw new Error('an operation is expected first');
      for (const { name, arguments: given = [] } of fieldsIn(operation.selectionSet.selections)) {
        const known = roots[name.value]?.args.map((argument) => argument.name);
        expect(given.map((argument) => argument.name.value).sort()).toEqual(known?.toSorted());
      }
    }
  });
});

describe('a mapping', () => {
  it('compiles only when it handles every member of its input', () => {
    const body: { readonly name: string; readonly sku?: string } = { name: 'Pot' };
    const { name, ...left } = body;
    // @ts-expect-error: the code does not handle `sku`
    allHandled(left);
    const { sku, ...rest } = left;
    allHandled(rest);
    expect([name, sku, rest]).toEqual(['Pot', undefined, {}]);
  });
});

it('a value that is null without an error is an error', () => {
  expect(present(0)).toBe(0);
  expect(() => present(null)).toThrow(OperationError);
});

const thrown = (code: string, extra: Record<string, unknown> = {}) =>
  new OperationError([{ message: 'The message.', extensions: { code, ...extra } }]);

describe('the problem of an error', () => {
  it.each([
    'UNAUTHENTICATED',
    'FORBIDDEN',
    'BAD_USER_INPUT',
    'QUERY_TOO_COMPLEX',
    'SERVICE_UNAVAILABLE',
    'INTERNAL_SERVER_ERROR',
  ])('of an operation with %s has that code and message', (code) => {
    expect(problemOf(thrown(code))).toMatchObject({ code, detail: 'The message.' });
  });

  it('has the REST names of arguments', () => {
    const errors = [
      { field: 'first', message: 'expected 1 to 100, got 0' },
      { field: 'filter.minPrice', message: 'expected less' },
    ];
    expect(problemOf(thrown('BAD_USER_INPUT', { errors }))).toMatchObject({
      code: 'INVALID_INPUT',
      detail: 'Invalid input: `limit`: expected 1 to 100, got 0; `min_price`: expected less.',
      members: { errors: [{ field: 'limit' }, { field: 'min_price' }] },
    });
  });

  it('keeps the names that the REST shim has set', () => {
    expect(problemOf(badInput('If-Match', 'expected tags'))).toMatchObject({
      code: 'INVALID_INPUT',
      members: { errors: [{ field: 'If-Match', message: 'expected tags' }] },
    });
    expect(problemOf(badInput('userName', 'unknown'))).toMatchObject({
      detail: 'Invalid input: `userName`: unknown.',
    });
  });

  it('has Retry-After for a limited call', () => {
    expect(problemOf(thrown('RATE_LIMITED', { retryAfter: 7 }))).toMatchObject({
      headers: { 'retry-after': '7' },
    });
  });

  it('keeps the status, the message and the headers of an HttpError', () => {
    expect(problemOf(new HttpError(405, 'GET is expected.', { allow: 'GET' }))).toMatchObject({
      code: 'METHOD_NOT_ALLOWED',
      headers: { allow: 'GET' },
    });
    for (const [error, code] of [
      [new MalformedBody('No JSON.'), 'MALFORMED_JSON'],
      [new HttpError(400, 'No request.'), 'BAD_USER_INPUT'],
      [new HttpError(408, 'Too slow.'), 'REQUEST_TIMEOUT'],
      [new HttpError(431, 'Too long.'), 'HEADERS_TOO_LARGE'],
    ] satisfies [HttpError, string][])
      expect(problemOf(error)).toMatchObject({ code, detail: error.message });
  });

  it('is undefined for an unexpected error', () => {
    expect(problemOf(new Error('boom'))).toBeUndefined();
    expect(problemOf(new OperationError([]))).toBeUndefined();
    expect(problemOf(thrown('SOMETHING_ELSE'))).toBeUndefined();
  });

  it('that is unexpected is a masked 500 in the reply to a call, and names the request', async () => {
    const { status, text } = await fetchReply('/products', { 'x-request-id': 'abc' });
    expect(status).toBe(500);
    expect(JSON.parse(text)).toMatchObject({
      code: 'INTERNAL_SERVER_ERROR',
      detail: 'Something went wrong on our side. Please quote request abc.',
      request_id: 'abc',
    });
    expect(text).not.toContain('executes no operation');
  });

  it('shows the message of an AppError and never its cause', () => {
    const error = new AppError('SERVICE_UNAVAILABLE', 'Not now.', { cause: new Error('10.0.0.1') });
    expect(JSON.stringify(problemOf(error))).not.toContain('10.0.0.1');
  });
});

describe('names', () => {
  it('are snake_case, with some exceptions', () => {
    const names = {
      productId: 'product_id',
      'input.productId': 'product_id',
      after: 'cursor',
      idempotencyKey: 'Idempotency-Key',
      input: 'the body',
    };
    for (const [graphql, rest] of Object.entries(names)) expect(restName(graphql)).toBe(rest);
  });
});

it('every problem has a status of 400 or more', () => {
  for (const [status] of Object.values(PROBLEMS)) expect(status).toBeGreaterThanOrEqual(400);
});

describe('a conditional write', () => {
  const isReply = <Data>(_: unknown): _ is Data => true;
  const VIEWER: User = { kind: 'user', id: 1, role: 'CUSTOMER' };

  /** Deletes a product that another writer changes before each try. */
  async function deleteBusyProduct(ifMatch?: string) {
    let currentVersion = 1;
    const tried: unknown[] = [];
    const execute = async <Data, Variables extends AnyVariables>(
      _: Operation<Data, Variables>,
      variables: Variables,
    ): Promise<Data> => {
      if ('expectedVersion' in variables) {
        tried.push(variables['expectedVersion']);
        currentVersion += 1;
      }
      const deleteProduct = { __typename: 'VersionConflict', currentVersion };
      const reply: unknown = { current: { version: currentVersion }, deleteProduct };
      if (!isReply<Data>(reply)) throw new Error('unreachable');
      return reply;
    };
    const request = {
      ...createUnreadRequest(),
      headers: ifMatch === undefined ? {} : { 'if-match': ifMatch },
      check: async () => ({ body: undefined, query: {} }),
    };
    const caller = {
      request,
      address: '',
      viewer: VIEWER,
      userId: 1,
      counts: [],
      received: createReceived(),
    };
    const route = REST_ROUTES.find(({ description }) => description.schema.operationId === 'deleteProduct');
    return { tried, answer: await route?.run({ request, id: '7', caller, execute }) };
  }

  it.each([
    ['with If-Match: *', '*'],
    ['that is a DELETE without If-Match', undefined],
  ])(
    '%s is tried ten times with the current version, then the caller receives the conflict',
    async (_, ifMatch) => {
      const { tried, answer } = await deleteBusyProduct(ifMatch);
      expect(tried).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
      expect(answer).toMatchObject({ code: 'VERSION_CONFLICT', members: { current_version: 11 } });
    },
  );

  it('with one tag in If-Match is tried once', async () => {
    const { tried, answer } = await deleteBusyProduct('"1"');
    expect(tried).toEqual([1]);
    expect(answer).toMatchObject({ code: 'PRECONDITION_FAILED', members: { current_version: 2 } });
  });
});
