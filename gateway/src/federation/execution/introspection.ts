// Introspection: graphql-js executes it on the schema that clients see.
import {
  type DocumentNode,
  executeSync,
  type FieldNode,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
  OperationTypeNode,
  visit,
} from 'graphql';
import { memberOf } from './members.ts';

export interface Introspected {
  readonly schema: GraphQLSchema;
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
  /** The introspection fields with one response name. */
  readonly nodes: readonly FieldNode[];
}

/** Gives the value of the field with the variables of the client; undefined when the execution fails. */
export function introspect(
  { schema, document, operation, nodes }: Introspected,
  variableValues: Readonly<Record<string, unknown>>,
): unknown {
  const [first] = nodes;
  if (first === undefined) return undefined;
  const name = (first.alias ?? first.name).value;
  const fragments = document.definitions.filter(({ kind }) => kind === Kind.FRAGMENT_DEFINITION);
  const selectionSet = { kind: Kind.SELECTION_SET, selections: nodes } as const;
  const used = variablesIn({ kind: Kind.DOCUMENT, definitions: [...fragments, queryOf(selectionSet)] });
  const query = {
    ...queryOf(selectionSet),
    variableDefinitions: (operation.variableDefinitions ?? []).filter(({ variable }) =>
      used.has(variable.name.value),
    ),
  };
  const asked: DocumentNode = { kind: Kind.DOCUMENT, definitions: [query, ...fragments] };
  const { data } = executeSync({ schema, document: asked, variableValues });
  return data ? memberOf(data, name) : undefined;
}

const queryOf = (selectionSet: OperationDefinitionNode['selectionSet']): OperationDefinitionNode => ({
  kind: Kind.OPERATION_DEFINITION,
  operation: OperationTypeNode.QUERY,
  selectionSet,
});

function variablesIn(document: DocumentNode): ReadonlySet<string> {
  const names = new Set<string>();
  visit(document, {
    Variable: ({ name }) => {
      names.add(name.value);
    },
  });
  return names;
}
