// The calls that rate limits count in an operation: each root field that will be executed, introspection included, because it
// is work for the gateway, and without `__typename`.

import { cut } from '@holdfast/platform/text';
import type { FragmentDefinitionNode, GraphQLField, GraphQLObjectType, GraphQLResolveInfo } from 'graphql';
import { byConditions } from '../federation/execution/execution.ts';
import { fragmentsOf } from '../federation/execution/plannable.ts';
import { metaField } from './measure.ts';
import type { OperationOf } from './null-variables.ts';
import { type RootField, rootConditions, rootFieldsOf, textOf, type Variables } from './root-fields.ts';

/** One execution of a root field. */
export interface RootCall {
  readonly responseName: string;
  /** What a resolver of the field would receive, without the values of variables. */
  readonly info: GraphQLResolveInfo;
}

/** The root fields of one execution. */
export interface RootFields {
  /** The response names of the fields, in order. */
  readonly responseNames: readonly string[];
  readonly calls: readonly RootCall[];
  /** The field names of the schema, for the log: `me product×3`. */
  readonly fields: string;
  /** Writes the operation with the root fields of these response names only. */
  textOf(responseNames: readonly string[]): string;
}

/** Finds the root fields that are executed with these (coerced) variables. */
export type FindRootFields = (variables: Variables) => RootFields;

/**
 * @param read reads the operation, which is not kept
 * @param onKept receives how many root fields were added to what is kept: conditions can add some later
 */
export function compileRootFields(read: () => OperationOf, onKept: (count: number) => void): FindRootFields {
  const { operation, document } = read();
  return byConditions(rootConditions(operation, fragmentsOf(document)), (conditions, isKept) => {
    const root = rootFieldsWith(Object.fromEntries(conditions), read);
    if (isKept) onKept(root.responseNames.length);
    return root;
  });
}

/** The operation and its root fields, read again. */
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
    // `slice` gives an array without spare capacity, which takes less memory.
    calls: calls.slice(),
    textOf: (responseNames) => textWith(again(), responseNames),
  };
}

/** The longest list of field names in the log, characters. */
const MAX_FIELDS = 200;

/** Each name once, with its count. */
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

/** A call with what a resolver would receive. The parts from the document are read when they are needed. */
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
    return Object.fromEntries(fragmentsOf(this.#again().of.document));
  }
  get rootValue(): undefined {
    return undefined;
  }
  get variableValues(): GraphQLResolveInfo['variableValues'] {
    return {};
  }
}
