// Null where there must be a value. GraphQL lets a variable that may be null stand in for a value that may not, when
// one of the two has a default (https://spec.graphql.org/September2025/#sec-All-Variable-Usages-Are-Allowed). So only
// the values of a request show that it cannot be executed, and graphql-js throws in the middle of the execution.
import {
  type DocumentNode,
  type FragmentDefinitionNode,
  type GraphQLSchema,
  isNonNullType,
  Kind,
  type OperationDefinitionNode,
  type SelectionNode,
  TypeInfo,
  type VariableNode,
  visit,
  visitWithTypeInfo,
} from 'graphql';
import { fragmentsOf, isIncluded, type Variables } from './root-fields.ts';

/** A place where a variable stands that needs a value. */
export interface Usage {
  readonly node: VariableNode;
  /** What is expected there. */
  readonly type: string;
}

/** A valid operation of a document. */
export interface OperationOf {
  readonly schema: GraphQLSchema;
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
}

/** The variables that null must not be given to, if all of the operation is executed. */
export const variablesThatNeedValues = (of: OperationOf): ReadonlySet<string> =>
  new Set(usagesThatNeedValues(of, () => true).keys());

/** Of each variable that is null where what will be executed needs a value, the first such place. */
export function findNulls(of: OperationOf, variables: Variables): Usage[] {
  const isNull = (name: string) => variables[name] === null;
  const isNullCondition = ({ directives = [] }: SelectionNode) =>
    directives.some(({ arguments: given = [] }) =>
      given.some(({ value }) => value.kind === Kind.VARIABLE && isNull(value.name.value)),
    );
  // What a null decides about is walked, so that the null is found.
  const usages = usagesThatNeedValues(
    of,
    (selection) => isNullCondition(selection) || isIncluded(selection, variables),
  );
  return [...usages.values()].filter(({ node }) => isNull(node.name.value));
}

/** By the variable's name. Each fragment is walked once. */
function usagesThatNeedValues(
  { schema, document, operation }: OperationOf,
  isWalked: (selection: SelectionNode) => boolean,
): Map<string, Usage> {
  const usages = new Map<string, Usage>();
  const fragments = fragmentsOf(document);
  const definitions = new Set<OperationDefinitionNode | FragmentDefinitionNode>([operation]);
  const typeInfo = new TypeInfo(schema);
  const enterSelection = (selection: SelectionNode) => (isWalked(selection) ? undefined : false);
  const visitor = visitWithTypeInfo(typeInfo, {
    VariableDefinition: () => false,
    Field: enterSelection,
    InlineFragment: enterSelection,
    FragmentSpread: (spread) => {
      const definition = fragments[spread.name.value];
      if (definition && isWalked(spread)) definitions.add(definition);
      return enterSelection(spread);
    },
    Variable: (node) => {
      const type = typeInfo.getInputType();
      const name = node.name.value;
      if (isNonNullType(type) && !usages.has(name)) usages.set(name, { node, type: String(type) });
    },
  });
  // The walk of a definition adds the fragments that it spreads.
  for (const definition of definitions) visit(definition, visitor);
  return usages;
}
