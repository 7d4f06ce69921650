// What rate limits count of an operation: each root field that will be executed, introspection too, which is work for the
// gateway itself, and `__typename` not.
import {
  type FragmentDefinitionNode,
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLResolveInfo,
  getArgumentValues,
} from 'graphql';
import { metaField } from './measure.ts';
import type { OperationOf } from './null-variables.ts';
import {
  fragmentsOf,
  hasRootConditions,
  type RootField,
  rootFieldsOf,
  type Variables,
} from './root-fields.ts';

/** One execution of a root field. */
export interface RootCall {
  readonly responseName: string;
  /** As the field's resolver would see it, if the gateway had resolvers; without values of variables. */
  readonly info: GraphQLResolveInfo;
  /** The field's arguments. */
  readonly argumentsOf: (variables: Variables) => Readonly<Record<string, unknown>>;
}

/** The root fields of one execution. */
export interface RootFields {
  readonly fields: readonly RootField[];
  readonly calls: readonly RootCall[];
}

/** The root fields that are executed with these (coerced) variables. */
export type FindRootFields = (variables: Variables) => RootFields;

export function compileRootFields(of: OperationOf): FindRootFields {
  const fragments = fragmentsOf(of.document);
  const type = of.schema.getRootType(of.operation.operation);
  const find = (variables: Variables): RootFields => {
    const fields = rootFieldsOf(of.operation, fragments, variables);
    return { fields, calls: type ? fields.flatMap((field) => callOf(field, { of, type, fragments })) : [] };
  };
  if (hasRootConditions(of.operation, fragments)) return find;
  const always = find({});
  return () => always;
}

interface Scope {
  readonly of: OperationOf;
  readonly type: GraphQLObjectType;
  readonly fragments: Record<string, FragmentDefinitionNode>;
}

function callOf(
  { responseName, name, nodes }: RootField,
  { of: { schema, operation }, type, fragments }: Scope,
): RootCall[] {
  const field: GraphQLField<unknown, unknown> | undefined = type.getFields()[name] ?? metaField(name);
  const [node] = nodes;
  if (field === undefined || node === undefined) return [];
  return [
    {
      responseName,
      argumentsOf: (variables) => getArgumentValues(field, node, variables),
      info: {
        fieldName: name,
        fieldNodes: nodes,
        returnType: field.type,
        parentType: type,
        path: { prev: undefined, key: responseName, typename: type.name },
        schema,
        fragments,
        rootValue: undefined,
        operation,
        variableValues: {},
      },
    },
  ];
}
