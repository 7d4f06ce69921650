// The GraphQL contract: what each operation answers, good and bad, and how errors look.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { type Account, Client, uniqueName } from '../support/client.ts';
import { useSharedSystem } from '../support/use-system.ts';

const system = useSharedSystem();
let client: Client;
let account: Account;

beforeAll(async () => {
  client = await Client.of(system.url);
  account = await client.account();
});

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

  it('keep their sessions by rotation', async () => {
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

  it('change their passwords, from one that is right', async () => {
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

  it('take money as a string or a number and give it as a string', async () => {
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

  it('say what became of a write: product, conflict, not found, invalid', async () => {
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
  it('carry one of the contract’s codes and nothing of the inside', async () => {
    const syntax = await client.graphql('{ products( }');
    expect(syntax.errors[0]?.extensions.code).toBe('BAD_USER_INPUT');
    const unknown = await client.graphql('{ nothingOfTheSort }');
    expect(unknown.errors[0]?.extensions.code).toBe('BAD_USER_INPUT');
    for (const { errors } of [syntax, unknown])
      expect(JSON.stringify(errors)).not.toMatch(/stack|node_modules|serviceName/);
  });

  it.each([
    ['several operations and no name', 'query A { __typename } query B { __typename }', undefined],
    ['a name that is not there', 'query A { __typename }', 'B'],
    ['a subscription', 'subscription { products { edges { cursor } } }', undefined],
    ['nothing', '', undefined],
  ])('are the client’s for %s', async (_, query, operationName) => {
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
