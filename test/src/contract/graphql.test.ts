// The GraphQL contract: the results of each operation, requests that cannot be executed, and introspection.
import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  buildClientSchema,
  getIntrospectionQuery,
  type IntrospectionOptions,
  type IntrospectionQuery,
} from 'graphql';
import { uniqueName } from '../support/client.ts';
import { selectEveryField } from '../support/every-field.ts';
import { useShop, useStaff } from '../support/shop.ts';

const { system, client, account } = useShop();

const PROBLEM = '... on Problem { code message }';

describe('accounts', () => {
  const REGISTER = `mutation($input: RegisterInput!) { register(input: $input) { __typename
    ... on User { id username email role version } ${PROBLEM} ... on InvalidInput { errors { field message } } } }`;
  const LOGIN = `mutation($input: LoginInput!) { login(input: $input) { __typename
    ... on Session { accessToken tokenType expiresIn refreshToken user { id username email } } ${PROBLEM} } }`;

  it('are registered and signed in', async () => {
    const username = uniqueName('bob');
    const password = 'a long enough password 7';
    const input = { username, email: `${username}@example.com`, password };
    const made = await client.graphql(REGISTER, { input });
    expect(made.data.register).toMatchObject({ __typename: 'User', username, role: 'CUSTOMER', version: 1 });
    const login = await client.graphql(LOGIN, { input: { username, password } });
    const session = login.data.login;
    expect(session).toMatchObject({
      __typename: 'Session',
      tokenType: 'Bearer',
      expiresIn: 900,
      user: { username },
    });
    const { data } = await client.graphql('{ me { id username email role } }', {}, session.accessToken);
    expect(data.me).toEqual({ id: made.data.register.id, username, email: input.email, role: 'CUSTOMER' });

    const other = { ...input, email: `other-${input.email}` };
    const taken = await client.graphql(REGISTER, { input: other });
    expect(taken.data.register).toMatchObject({ __typename: 'UsernameTaken', code: 'USERNAME_TAKEN' });
    const refused = await client.graphql(LOGIN, { input: { username, password: `${password}!` } });
    expect(refused.data.login).toMatchObject({
      __typename: 'InvalidCredentials',
      code: 'INVALID_CREDENTIALS',
    });
    const invalid = await client.graphql(REGISTER, {
      input: { ...input, username: 'no spaces please', password: username },
    });
    expect(invalid.data.register).toMatchObject({ __typename: 'InvalidInput', code: 'INVALID_INPUT' });
  });

  it('renew a session with a refresh token, and end it when an old one is used again', async () => {
    const login = await client.graphql(LOGIN, {
      input: { username: account.username, password: account.password },
    });
    const REFRESH = `mutation($t: String!) { refreshSession(refreshToken: $t) { __typename ... on Session { refreshToken accessToken } } }`;
    const first = login.data.login.refreshToken;
    const second = await client.graphql(REFRESH, { t: first });
    expect(second.data.refreshSession.__typename).toBe('Session');
    const again = await client.graphql(REFRESH, { t: first });
    const next = second.data.refreshSession.refreshToken;
    expect(again.data.refreshSession).toMatchObject({ __typename: 'Session', refreshToken: next });
    expect((await client.graphql(REFRESH, { t: next })).data.refreshSession.__typename).toBe('Session');
    const reused = await client.graphql(REFRESH, { t: first });
    expect(reused.data.refreshSession.__typename).toBe('InvalidCredentials');
    expect((await client.graphql('mutation { logout(refreshToken: "unknown") }')).data.logout).toBe(true);
  });

  it('change a password only with the current one', async () => {
    const CHANGE = `mutation($input: ChangePasswordInput!) { changePassword(input: $input) { __typename
      ... on PasswordChanged { user { id version } } ${PROBLEM} } }`;
    const { id, username, password, token } = await client.account();
    const input = { currentPassword: password, newPassword: `another ${password}` };
    const change = async (by: string) => (await client.graphql(CHANGE, { input }, by)).data.changePassword;
    expect(await change(token)).toEqual({ __typename: 'PasswordChanged', user: { id, version: 2 } });
    expect(await change(await client.signIn(username, input.newPassword))).toMatchObject({
      __typename: 'InvalidCredentials',
      code: 'INVALID_CREDENTIALS',
    });
  });
});

describe('products', () => {
  const CREATE = `mutation($input: CreateProductInput!) { createProduct(input: $input) { __typename
    ... on Product { id name description price stock version createdAt updatedAt }
    ... on InvalidInput { code errors { field message } } } }`;

  it('accept money as a string or a number, and show it as a string', async () => {
    for (const price of ['19.9', 19.9]) {
      const { data } = await client.graphql(
        CREATE,
        { input: { name: 'Lamp', price, stock: 1 } },
        account.token,
      );
      expect(data.createProduct).toMatchObject({ price: '19.90', version: 1, description: null });
    }
    const literal = await client.graphql(
      'mutation { createProduct(input: { name: "Lamp", price: 7, stock: 1 }) { ... on Product { price } } }',
      {},
      account.token,
    );
    expect(literal.data.createProduct.price).toBe('7.00');
    const { errors } = await client.graphql(
      CREATE,
      { input: { name: 'Lamp', price: '1.999', stock: 1 } },
      account.token,
    );
    expect(errors[0]?.extensions.code).toBe('BAD_USER_INPUT');
    expect(errors[0]?.message).toContain('at most two decimals');
  });

  it('name the outcome of a write: product, conflict, not found or invalid', async () => {
    const { id } = await client.product(account.token);
    const UPDATE = `mutation($id: ID!, $v: Int!, $input: UpdateProductInput!) {
      updateProduct(id: $id, expectedVersion: $v, input: $input) { __typename ... on Product { version name }
        ... on VersionConflict { code currentVersion current { name version } } ... on InvalidInput { errors { field } } } }`;
    const update = async (product: string, v: number, input: unknown) =>
      (await client.graphql(UPDATE, { id: product, v, input }, account.token)).data.updateProduct;
    expect(await update(id, 1, { name: 'Renamed' })).toEqual({
      __typename: 'Product',
      version: 2,
      name: 'Renamed',
    });
    expect(await update(id, 1, { name: 'Too late' })).toEqual({
      __typename: 'VersionConflict',
      code: 'VERSION_CONFLICT',
      currentVersion: 2,
      current: { name: 'Renamed', version: 2 },
    });
    expect(await update(id, 3, { name: 'Too early' })).toMatchObject({
      __typename: 'VersionConflict',
      currentVersion: 2,
    });
    expect(await update(id, 2, {})).toMatchObject({ __typename: 'Product', version: 2 });
    expect(await update(id, 2, { name: null })).toEqual({
      __typename: 'InvalidInput',
      errors: [{ field: 'name' }],
    });
    expect((await update('nonsense', 1, { name: 'x' })).__typename).toBe('ProductNotFound');
    const DELETE =
      'mutation($id: ID!, $v: Int!) { deleteProduct(id: $id, expectedVersion: $v) { __typename } }';
    const remove = async (v: number) =>
      (await client.graphql(DELETE, { id, v }, account.token)).data.deleteProduct.__typename;
    expect([await remove(1), await remove(2), await remove(2)]).toEqual([
      'VersionConflict',
      'ProductDeleted',
      'ProductNotFound',
    ]);
    expect((await client.graphql(`{ product(id: "${id}") { id } }`)).data.product).toBeNull();
  });

  it('change stock relatively, never below zero', async () => {
    const { id } = await client.product(account.token, { stock: 2 });
    const ADJUST = `mutation($id: ID!, $d: Int!) { adjustStock(id: $id, delta: $d) { __typename
      ... on Product { stock version } ... on OutOfStock { available } ... on InvalidInput { errors { field } } } }`;
    const adjust = async (d: number) =>
      (await client.graphql(ADJUST, { id, d }, account.token)).data.adjustStock;
    expect(await adjust(3)).toEqual({ __typename: 'Product', stock: 5, version: 2 });
    expect(await adjust(-6)).toEqual({ __typename: 'OutOfStock', available: 5 });
    expect(await adjust(0)).toMatchObject({ __typename: 'InvalidInput' });
    expect(await adjust(1_000_000_000)).toMatchObject({
      __typename: 'InvalidInput',
      errors: [{ field: 'delta' }],
    });
    expect(await adjust(-5)).toEqual({ __typename: 'Product', stock: 0, version: 3 });
  });

  it('page by cursor, within limits', async () => {
    const PAGE = `query($first: Int, $after: String) { products(first: $first, after: $after) {
      edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`;
    for (let index = 0; index < 3; index += 1) await client.product(account.token);
    const first = (await client.graphql(PAGE, { first: 2 })).data.products;
    expect(first.pageInfo).toEqual({
      hasNextPage: true,
      hasPreviousPage: false,
      startCursor: first.edges[0].cursor,
      endCursor: first.edges[1].cursor,
    });
    const second = (await client.graphql(PAGE, { first: 2, after: first.pageInfo.endCursor })).data.products;
    expect(second.pageInfo.hasPreviousPage).toBe(true);
    const ids = [...first.edges, ...second.edges].map(({ node }) => node.id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const variables of [{ first: 0 }, { first: 101 }, { first: 2, after: 'nonsense' }]) {
      const { errors } = await client.graphql(PAGE, variables);
      expect(errors[0]?.extensions).toMatchObject({
        code: 'BAD_USER_INPUT',
        errors: [{ field: variables.after ? 'after' : 'first' }],
      });
    }
  });
});

describe('orders', () => {
  it('join users and products across the services', async () => {
    const product = await client.product(account.token, { price: 4, stock: 9 });
    const CREATE = `mutation($input: CreateOrderInput!) { createOrder(input: $input) { __typename ... on Order {
      id status quantity unitPrice totalPrice version user { username email } product { id name stock }
      history { status version at } } } }`;
    const { data, errors } = await client.graphql(
      CREATE,
      { input: { productId: product.id, quantity: 2 } },
      account.token,
    );
    expect(errors).toEqual([]);
    expect(data.createOrder).toMatchObject({
      __typename: 'Order',
      status: 'CONFIRMED',
      unitPrice: '4.00',
      totalPrice: '8.00',
      version: 2,
      user: { username: account.username, email: `${account.username}@example.com` },
      product: { id: product.id, name: product.name, stock: 7 },
      history: [
        { status: 'PENDING', version: 1 },
        { status: 'CONFIRMED', version: 2 },
      ],
    });
  });
});

describe('errors', () => {
  it('have a code of the contract and no internal details', async () => {
    const syntax = await client.graphql('{ products( }');
    expect(syntax.errors[0]?.extensions.code).toBe('BAD_USER_INPUT');
    const unknown = await client.graphql('{ unknownField }');
    expect(unknown.errors[0]?.extensions.code).toBe('BAD_USER_INPUT');
    for (const { errors } of [syntax, unknown])
      expect(JSON.stringify(errors)).not.toMatch(/stack|node_modules|serviceName/);
  });

  it.each([
    ['several operations without a name', 'query A { __typename } query B { __typename }', undefined],
    ['an unknown operation name', 'query A { __typename }', 'B'],
    ['a subscription', 'subscription { products { edges { cursor } } }', undefined],
    ['an empty document', '', undefined],
  ])('are client errors for %s', async (_, query, operationName) => {
    for (const url of [`${system.url}/graphql`, system.subgraphUrl('products')]) {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...(await system.serviceHeaders('products')) },
        body: JSON.stringify({ query, operationName }),
      });
      expect(response.status).toBe(400);
      const { errors } = JSON.parse(await response.text());
      expect(errors[0].extensions.code).toBe('BAD_USER_INPUT');
    }
  });
});

describe('requests', () => {
  const authorized = () => ({ authorization: `Bearer ${account.token}`, 'apollo-require-preflight': 'yes' });

  async function answerTo(response: Response) {
    const { data, errors = [] } = JSON.parse(await response.text());
    const codes = errors.map(({ extensions }: { extensions: { code: string } }) => extensions.code);
    return { status: response.status, data, codes: [...new Set(codes)], message: errors[0]?.message };
  }

  /** With this media type the status says whether the operation was executed. */
  const ACCEPT = { accept: 'application/graphql-response+json' };
  const post = async (body: unknown) =>
    answerTo(
      await fetch(`${system.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...ACCEPT, ...authorized() },
        body: JSON.stringify(body),
      }),
    );
  const get = async (search: Record<string, string>) =>
    answerTo(
      await fetch(`${system.url}/graphql?${new URLSearchParams(search)}`, {
        headers: { ...ACCEPT, ...authorized() },
      }),
    );

  const REFUSED: Record<string, Record<string, unknown>> = {
    'null for an argument': {
      query: 'query($i: ID = "x") { product(id: $i) { id } }',
      variables: { i: null },
    },
    'null for a member of an input': {
      query: 'mutation($q: Int = 1) { createOrder(input: { productId: "x", quantity: $q }) { __typename } }',
      variables: { q: null },
    },
    'null for @include': {
      query: 'query($b: Boolean = true) { me @include(if: $b) { id } }',
      variables: { b: null },
    },
    'null for a nested @skip': {
      query: 'query($b: Boolean = true) { me { id @skip(if: $b) } }',
      variables: { b: null },
    },
    'null for a type of introspection': {
      query: 'query($n: String = "User") { __type(name: $n) { name } }',
      variables: { n: null },
    },
    'null as a literal': { query: '{ product(id: null) { id } }' },
    'no value': { query: 'query($i: ID!) { product(id: $i) { id } }' },
    'an unknown enum value': {
      query: 'query($s: ProductSort) { products(sort: $s) { edges { cursor } } }',
      variables: { s: 'CHEAPEST' },
    },
    'an enum value as a string': { query: '{ products(sort: "NEWEST") { edges { cursor } } }' },
    'an integer of more than 32 bits': { query: '{ products(first: 99999999999) { edges { cursor } } }' },
    'the same in a variable': {
      query: 'mutation($d: Int!) { adjustStock(id: "x", delta: $d) { __typename } }',
      variables: { d: 99_999_999_999 },
    },
    'a price that is not a finite number': {
      query: 'mutation { createProduct(input: { name: "x", stock: 1, price: 1e400 }) { __typename } }',
    },
    'an id that is an object': { query: 'query($i: ID!) { product(id: $i) { id } }', variables: { i: {} } },
    'an unknown member': {
      query: 'query($f: ProductFilter) { products(filter: $f) { edges { cursor } } }',
      variables: { f: { constructor: 1 } },
    },
    'a variable of the gateway’s own': {
      query: 'query($representations: Int) { me { orders(first: $representations) { edges { cursor } } } }',
      variables: { representations: 1 },
    },
    'a variable of an output type': { query: 'query($u: User) { me { id } }' },
    'a variable of an unknown type': { query: 'query($u: Unknown) { me { id } }' },
    'the same variable twice': {
      query: 'query($a: Int, $a: Int) { products(first: $a) { edges { cursor } } }',
    },
    'the same name twice': { query: 'query A { __typename } query A { __typename }', operationName: 'A' },
    'a name that is empty': { query: '{ __typename }', operationName: '' },
    'a name that is a number': { query: '{ __typename }', operationName: 5 },
    'a subscription': { query: 'subscription { __typename }' },
    'fragments only': { query: 'fragment F on User { id }' },
    'a fragment in itself': { query: '{ me { ...F } } fragment F on User { ...F }' },
    'an unknown fragment': { query: '{ me { ...F } }' },
    'a type definition': { query: '{ me { id } } type X { a: Int }' },
    'a directive that is not for queries': { query: '{ me @oneOf { id } }' },
    'a deferred fragment': { query: '{ me { ... @defer { id } } }' },
    'introspection in a mutation': { query: 'mutation { __schema { types { name } } }' },
    'variables that are a list': { query: '{ me { id } }', variables: [] },
    'extensions that are a number': { query: '{ me { id } }', extensions: 5 },
    'a query that is a number': { query: 5 },
    'a query of white space': { query: ' \n' },
    'no query': { variables: {} },
    '900 lists in lists': { query: `{ product(id: ${'['.repeat(900)}1${']'.repeat(900)}) { id } }` },
    '400 objects in objects': {
      query: `{ products(filter: ${'{ search: '.repeat(400)}1${' }'.repeat(400)}) { edges { cursor } } }`,
    },
  };

  const EXECUTED: Record<string, [body: Record<string, unknown>, data: unknown]> = {
    'a mutation of __typename': [{ query: 'mutation { __typename }' }, { __typename: 'Mutation' }],
    'a mutation that is skipped': [{ query: 'mutation { logoutEverywhere @skip(if: true) }' }, {}],
    'a default for what was left out': [
      { query: 'query($i: ID = "x") { product(id: $i) { id } }', variables: {} },
      { product: null },
    ],
    'names of members of Object.prototype': [
      {
        query:
          'query constructor($__proto__: ID!) { toString: product(id: $__proto__) { id } ...valueOf } fragment valueOf on Query { hasOwnProperty: __typename }',
        variables: JSON.parse('{ "__proto__": "x" }'),
      },
      { toString: null, hasOwnProperty: 'Query' },
    ],
    'null where it is a value': [
      {
        query:
          'query($i: Int = 5) { products(first: $i, after: null, filter: null, sort: null) { __typename } }',
        variables: { i: null },
      },
      { products: { __typename: 'ProductConnection' } },
    ],
  };

  describe('a request that cannot be executed', () => {
    it.each(Object.entries(REFUSED))('is BAD_USER_INPUT by POST: %s', async (_, body) => {
      const { status, data, codes, message } = await post(body);
      expect({ status, data, codes }).toEqual({ status: 400, data: undefined, codes: ['BAD_USER_INPUT'] });
      expect(message.length).toBeLessThanOrEqual(1_000);
    });

    it.each(Object.entries(REFUSED))('is BAD_USER_INPUT by GET too: %s', async (_, body) => {
      const search = Object.entries(body).map(([name, value]) => [
        name,
        typeof value === 'string' ? value : JSON.stringify(value),
      ]);
      const { status, data, codes } = await get(Object.fromEntries(search));
      expect([400, 405]).toContain(status);
      expect({ data, codes }).toEqual({ data: undefined, codes: ['BAD_USER_INPUT'] });
    });
  });

  describe('an unusual but valid request', () => {
    it.each(Object.entries(EXECUTED))('is executed: %s', async (_, [body, data]) => {
      expect(await post(body)).toEqual({ status: 200, data, codes: [], message: undefined });
    });
  });
});

describe('introspection', () => {
  const staff = useStaff(system, client);

  beforeAll(async () => {
    const { id } = await client.product(staff.token);
    await client.rest('POST', '/orders', { token: staff.token, body: { product_id: id, quantity: 1 } });
  });

  const ALL = {
    descriptions: true,
    specifiedByUrl: true,
    directiveIsRepeatable: true,
    schemaDescription: true,
    inputValueDeprecation: true,
    experimentalDirectiveDeprecation: true,
    oneOf: true,
  } satisfies IntrospectionOptions;

  const introspect = async (options: IntrospectionOptions): Promise<IntrospectionQuery> => {
    const { data, errors } = await client.graphql(getIntrospectionQuery(options));
    expect(errors).toEqual([]);
    return data;
  };

  /** The first query of a tool that looks for the supported fields of introspection, as gql.tada does. */
  const PROBE = `query {
  schema: __type(name: "__Schema") { ...F } directive: __type(name: "__Directive") { ...F }
  type: __type(name: "__Type") { ...F } field: __type(name: "__Field") { ...F }
  inputValue: __type(name: "__InputValue") { ...F } enumValue: __type(name: "__EnumValue") { ...F }
} fragment F on __Type { name fields { name args { name } type { kind ofType { kind } } } }`;

  const DOWNLOADS: [what: string, options: IntrospectionOptions][] = [
    ['no option', {}],
    ...Object.keys(ALL).map((name): [string, IntrospectionOptions] => [name, { [name]: true }]),
    ['all options', ALL],
  ];

  describe('the schema', () => {
    it.each(DOWNLOADS)('can be downloaded with %s', async (_, options) => {
      const schema = buildClientSchema(await introspect(options));
      expect(schema.getType('Order')).toBeDefined();
    });

    it('can be downloaded by a tool that first reads the supported fields of introspection', async () => {
      const { data } = await client.graphql(PROBE);
      const listed: string[] = Object.values<{ name: string; fields: { name: string }[] }>(data).flatMap(
        ({ name, fields }) => fields.map((field) => `${name}.${field.name}`),
      );
      const asked = new Set(selectEveryField(await introspect({})).map(({ field }) => field));
      expect(listed).toContain('__Type.isOneOf');
      expect(listed.filter((field) => !asked.has(field))).toEqual([]);
    });

    it('can be selected together with data, and the reply keeps the order of the query', async () => {
      const text = `query($no: Boolean!) { me { ...U } __type(name: "Money") { ...T } ... { b: __typename }
      a: __schema @skip(if: $no) { queryType { name } } c: __schema { queryType { name } } }
      fragment T on __Type { isOneOf name } fragment U on User { username }`;
      const { data, errors } = await client.graphql(text, { no: true }, staff.token);
      expect(errors).toEqual([]);
      expect(JSON.stringify(data)).toBe(
        JSON.stringify({
          me: { username: staff.username },
          __type: { isOneOf: null, name: 'Money' },
          b: 'Query',
          c: { queryType: { name: 'Query' } },
        }),
      );
    });
  });

  describe('every field that the schema lists', () => {
    it('can be selected, on every type', async () => {
      const documents = selectEveryField(await introspect({}));
      const fields = new Set(documents.map(({ field }) => field));
      for (const field of ['Order.history', 'Session.user', 'LastStaff.code', '__Directive.isDeprecated'])
        expect(fields).toContain(field);
      const failed: unknown[] = [];
      for (const { field, text } of documents) {
        const { status, errors } = await client.graphql(text, {}, staff.token);
        const isError = errors.some(({ extensions: { code } }) => /INTERNAL|UNAVAILABLE|COMPLEX/.test(code));
        if (status !== 200 || isError) failed.push({ field, text, status, errors });
      }
      expect(failed).toEqual([]);
    }, 120_000);
  });
});
