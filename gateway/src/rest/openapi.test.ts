import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { Validator } from '@seriousme/openapi-schema-validator';
import { z } from 'zod';
import { templateOf } from '../routes.ts';
import { publishedDocument } from '../test/published.ts';
import { isProblemCode } from './problem.ts';
import { problemPage } from './problem-page.ts';
import { REST_ROUTES } from './rest.ts';

const document = await publishedDocument();

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

  it('has every call of the REST contract', () => {
    const calls = Object.entries<Record<string, unknown>>(document.paths).flatMap(([path, item]) =>
      Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(calls.sort()).toEqual(
      [
        'POST /register',
        'POST /login',
        'POST /login/confirm',
        'POST /password/forgot',
        'POST /password/reset',
        'POST /email/verify',
        'POST /email/verify/request',
        'PUT /profile/email',
        'POST /token/refresh',
        'POST /logout',
        'POST /logout/everywhere',
        'GET /profile',
        'PUT /profile/password',
        'GET /users',
        'GET /users/{id}',
        'PUT /users/{id}/role',
        'POST /users/{id}/disable',
        'POST /users/{id}/enable',
        'POST /users/{id}/end-sessions',
        'GET /audit-events',
        'GET /products',
        'GET /products/{id}',
        'POST /products',
        'PUT /products/{id}',
        'PATCH /products/{id}',
        'DELETE /products/{id}',
        'GET /orders',
        'GET /orders/{id}',
        'POST /orders',
        'POST /orders/{id}/cancel',
        'POST /orders/{id}/advance',
      ].sort(),
    );
  });

  it('tells of disabled accounts where a session is opened, and not where one is refreshed', () => {
    const telling = ['/login', '/login/confirm', '/token/refresh'].filter(
      (path) => '403' in document.paths[path].post.responses,
    );
    expect(telling).toEqual(['/login', '/login/confirm']);
  });

  it('refers to nothing that is not in it', () => {
    for (const reference of references(document)) {
      const name = reference.replace('#/components/schemas/', '');
      expect(document.components.schemas).toHaveProperty([name]);
    }
  });

  it('gives each schema and each operation a name of its own', () => {
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

  it('closes what requests may have, and leaves what replies have open for the next version', () => {
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

  it('says which calls need a body', () => {
    const bodyOf = (path: string) => document.paths[path].post.requestBody.required;
    expect([bodyOf('/orders/{id}/advance'), bodyOf('/orders/{id}/cancel')]).toEqual([true, false]);
  });

  it('says for every call what its problems look like', () => {
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

it('the page of a problem says which calls are answered with it', () => {
  for (const code of document.components.schemas.Problem.properties.code.enum)
    expect(isProblemCode(code) && problemPage(code, REST_ROUTES).body).toContain(`<code>${code}</code>`);
  const { body } = problemPage('OUT_OF_STOCK', REST_ROUTES);
  expect(body.match(/<li>.*?<\/li>/g)).toEqual(['<li><code>POST /orders</code></li>']);
});
