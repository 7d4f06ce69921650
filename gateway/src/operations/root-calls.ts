// What rate limits count of an operation: each root field that will be executed, introspection too, which is work for the
// gateway itself, and `__typename` not.

import { cut } from '@holdfast/platform/text';
import type { FragmentDefinitionNode, GraphQLField, GraphQLObjectType, GraphQLResolveInfo } from 'graphql';
import { byConditions } from '../federation/execution/execution.ts';
import { metaField } from './measure.ts';
import type { OperationOf } from './null-variables.ts';
import {
  fragmentsOf,
  type RootField,
  rootConditions,
  rootFieldsOf,
  textOf,
  type Variables,
} from './root-fields.ts';

/** One execution of a root field. */
export interface RootCall {
  readonly responseName: string;
  /** As the field's resolver would see it, if the gateway had resolvers; without values of variables. */
  readonly info: GraphQLResolveInfo;
}

/** The root fields of one execution. */
export interface RootFields {
  /** Of the fields in the reply, in their order. */
  readonly responseNames: readonly string[];
  readonly calls: readonly RootCall[];
  /** Their names by the schema, for the log: `me product×3`. */
  readonly fields: string;
  /** The text of the operation with the root fields of these response names only. */
  textOf(responseNames: readonly string[]): string;
}

/** The root fields that are executed with these (coerced) variables. */
export type FindRootFields = (variables: Variables) => RootFields;

/**
 * @param read gives the operation, which is not held
 * @param onKept told how many root fields are kept: conditions can add some later
 */
export function compileRootFields(read: () => OperationOf, onKept: (count: number) => void): FindRootFields {
  const { operation, document } = read();
  return byConditions(rootConditions(operation, fragmentsOf(document)), (conditions, isKept) => {
    const root = rootFieldsWith(Object.fromEntries(conditions), read);
    if (isKept) onKept(root.responseNames.length);
    return root;
  });
}

/** The operation, read again, and its root fields. */
interface Read {
  readonly of: OperationOf;
  readonly fields: readonly RootField[];
}

function rootFieldsWith(variables: Variables, read: () => OperationOf): RootFields {
  const again = (): Read => {
    const of = read();
    return { of, fields: rootFieldsOf(of.operation, fragmentsOf(of.document), variables) };
  };
  const { of, fields } = again();
  const type = of.schema.getRootType(of.operation.operation);
  const calls = type ? fields.flatMap((field) => callOf(field, type, again)) : [];
  return {
    responseNames: fields.map(({ responseName }) => responseName),
    fields: textOfFields(fields),
    // A copy of a list has no room to grow.
    calls: calls.slice(),
    textOf: (responseNames) => textWith(again(), responseNames),
  };
}

/** Of their names in the log, characters. */
const MAX_FIELDS = 200;

/** Each name once, with how often it is there. */
function textOfFields(fields: readonly RootField[]): string {
  const counts = new Map<string, number>();
  for (const { name } of fields) counts.set(name, (counts.get(name) ?? 0) + 1);
  const words = [...counts].map(([name, count]) => (count === 1 ? name : `${name}×${count}`));
  return cut(words.join(' '), MAX_FIELDS);
}

function textWith({ of: { document, operation }, fields }: Read, responseNames: readonly string[]): string {
  const left = fields.filter(({ responseName }) => responseNames.includes(responseName));
  return textOf(document, operation, left);
}

function callOf({ responseName, name }: RootField, type: GraphQLObjectType, again: () => Read): RootCall[] {
  const field = type.getFields()[name] ?? metaField(name);
  return field === undefined ? [] : [new Call(responseName, field, type, again)];
}

/** A call, and what a resolver would see of it: what of that stands in the document is read when it is asked for. */
class Call implements RootCall, GraphQLResolveInfo {
  readonly responseName: string;
  readonly parentType: GraphQLObjectType;
  readonly #field: GraphQLField<unknown, unknown>;
  readonly #again: () => Read;

  constructor(
    responseName: string,
    field: GraphQLField<unknown, unknown>,
    type: GraphQLObjectType,
    again: () => Read,
  ) {
    this.responseName = responseName;
    this.parentType = type;
    this.#field = field;
    this.#again = again;
  }

  get info(): GraphQLResolveInfo {
    return this;
  }

  get fieldName(): string {
    return this.#field.name;
  }
  get returnType(): GraphQLResolveInfo['returnType'] {
    return this.#field.type;
  }
  get path(): GraphQLResolveInfo['path'] {
    return { prev: undefined, key: this.responseName, typename: this.parentType.name };
  }
  get fieldNodes(): GraphQLResolveInfo['fieldNodes'] {
    return this.#again().fields.find(({ responseName }) => responseName === this.responseName)?.nodes ?? [];
  }
  get schema(): GraphQLResolveInfo['schema'] {
    return this.#again().of.schema;
  }
  get operation(): GraphQLResolveInfo['operation'] {
    return this.#again().of.operation;
  }
  get fragments(): Record<string, FragmentDefinitionNode> {
    return fragmentsOf(this.#again().of.document);
  }
  get rootValue(): undefined {
    return undefined;
  }
  get variableValues(): GraphQLResolveInfo['variableValues'] {
    return {};
  }
}
