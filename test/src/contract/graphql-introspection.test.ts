// What the graph says of itself: tools get its schema, and every field that it lists can be asked for.
import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  buildClientSchema,
  getIntrospectionQuery,
  type IntrospectionOptions,
  type IntrospectionQuery,
} from 'graphql';
import { type Account, Client } from '../support/client.ts';
import { everyField } from '../support/every-field.ts';
import { staffAccount } from '../support/staff.ts';
import { useSharedSystem } from '../support/use-system.ts';

const system = useSharedSystem();
let client: Client;
let staff: Account;

beforeAll(async () => {
  client = await Client.of(system.url);
  staff = await staffAccount(system, client);
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

/** A tool that asks first what it may ask for, as gql.tada does, and then asks for all of that. */
const PROBE = `query {
  schema: __type(name: "__Schema") { ...F } directive: __type(name: "__Directive") { ...F }
  type: __type(name: "__Type") { ...F } field: __type(name: "__Field") { ...F }
  inputValue: __type(name: "__InputValue") { ...F } enumValue: __type(name: "__EnumValue") { ...F }
} fragment F on __Type { name fields { name args { name } type { kind ofType { kind } } } }`;

const DOWNLOADS: [what: string, options: IntrospectionOptions][] = [
  ['nothing but what every server has', {}],
  ...Object.keys(ALL).map((name): [string, IntrospectionOptions] => [name, { [name]: true }]),
  ['all that there is', ALL],
];

describe('the schema', () => {
  it.each(DOWNLOADS)('can be downloaded with %s', async (_, options) => {
    const schema = buildClientSchema(await introspect(options));
    expect(schema.getType('Order')).toBeDefined();
  });

  it('can be downloaded by a tool that asks first which fields of introspection there are', async () => {
    const { data } = await client.graphql(PROBE);
    const listed: string[] = Object.values<{ name: string; fields: { name: string }[] }>(data).flatMap(
      ({ name, fields }) => fields.map((field) => `${name}.${field.name}`),
    );
    const asked = new Set(everyField(await introspect({})).map(({ field }) => field));
    expect(listed).toContain('__Type.isOneOf');
    expect(listed.filter((field) => !asked.has(field))).toEqual([]);
  });

  it('comes beside data in one reply, in the order of the question', async () => {
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
  it('can be asked for, on every type', async () => {
    const documents = everyField(await introspect({}));
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
