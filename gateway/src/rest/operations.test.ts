// That the documents in operations/ leave nothing out which the graph has. What the code leaves out does not compile.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Supergraph } from '@apollo/federation-internals';
import { allHandled } from '@holdfast/platform/validation';
import { describe, expect, it } from '@jest/globals';
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
import {
  AccountFragmentDoc,
  OrderFieldsFragmentDoc,
  ProductFieldsFragmentDoc,
} from '../generated/operations.ts';
import { OperationError } from './errors.ts';
import { present } from './operation.ts';
import { REST_ROUTES } from './rest.ts';

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
  ])('ask for every field of %s that has a value of its own', (name, document) => {
    const leaves = Object.values(objectType(name).getFields()).filter(({ type }) =>
      isLeafType(getNamedType(type)),
    );
    const asked = fieldsOf(document).map((field) => field.name.value);
    expect(asked).toEqual(expect.arrayContaining(leaves.map((field) => field.name)));
  });

  it('give every argument of the fields that they ask for', () => {
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
  it('compiles only when it names every member of what it reads', () => {
    const body: { readonly name: string; readonly sku?: string } = { name: 'Pot' };
    const { name, ...left } = body;
    // @ts-expect-error: `sku` is left
    allHandled(left);
    const { sku, ...nothing } = left;
    allHandled(nothing);
    expect([name, sku, nothing]).toEqual(['Pot', undefined, {}]);
  });
});

it('a value that is null without an error is an error, and not taken for absent', () => {
  expect(present(0)).toBe(0);
  expect(() => present(null)).toThrow(OperationError);
});
