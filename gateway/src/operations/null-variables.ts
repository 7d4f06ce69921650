// Finds null where a value is required. GraphQL accepts a nullable variable for a non-null type when one of the two has a
// default (https://spec.graphql.org/September2025/#sec-All-Variable-Usages-Are-Allowed). So only the variables of a request
// show that it cannot be executed, and graphql-js would throw in the middle of the execution.
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
import { fragmentsOf } from '../federation/execution/plannable.ts';
import { isIncluded, type Variables } from './root-fields.ts';

/** A place where a variable requires a value. */
export interface Usage {
  readonly node: VariableNode;
  /** The expected type. */
  readonly type: string;
}

/** A valid operation of a document. */
export interface OperationOf {
  readonly schema: GraphQLSchema;
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
}

/** The variables that must not be null, if the whole operation is executed. */
export const variablesThatNeedValues = (of: OperationOf): ReadonlySet<string> =>
  new Set(usagesThatNeedValues(of, () => true).keys());

/** For each variable that is null where the executed part requires a value, the first such place. */
export function findNulls(of: OperationOf, variables: Variables): Usage[] {
  const isNull = (name: string) => variables[name] === null;
  const isNullCondition = ({ directives = [] }: SelectionNode) =>
    directives.some(({ arguments: given = [] }) =>
      given.some(({ value }) => value.kind === Kind.VARIABLE && isNull(value.name.value)),
    );
  // Also visit selections whose condition is null, so that this null is found.
  const usages = usagesThatNeedValues(
    of,
    (selection) => isNullCondition(selection) || isIncluded(selection, variables),
  );
  return [...usages.values()].filter(({ node }) => isNull(node.name.value));
}

/** The places by the name of the variable. Each fragment is visited once. */
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
      const definition = fragments.get(spread.name.value);
      if (definition && isWalked(spread)) definitions.add(definition);
      return enterSelection(spread);
    },
    Variable: (node) => {
      const type = typeInfo.getInputType();
      const name = node.name.value;
      if (isNonNullType(type) && !usages.has(name)) usages.set(name, { node, type: String(type) });
    },
  });
  // Visiting a definition adds the fragments that it spreads.
  for (const definition of definitions) visit(definition, visitor);
  return usages;
}
