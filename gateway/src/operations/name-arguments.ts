// Errors about values that stand in the document itself: graphql-js says what is wrong with them and where they stand,
// but not which argument they are the value of.
import { type ASTNode, BREAK, type DocumentNode, type GraphQLError, Kind, visit } from 'graphql';

const VALUES: ReadonlySet<string> = new Set([
  Kind.INT,
  Kind.FLOAT,
  Kind.STRING,
  Kind.BOOLEAN,
  Kind.NULL,
  Kind.ENUM,
  Kind.LIST,
  Kind.OBJECT,
]);

/** Puts `filter.minPrice: ` before the message of an error about that argument's value, `$name: ` for a default. */
export function nameArguments(errors: readonly GraphQLError[], document: DocumentNode): void {
  for (const error of errors) {
    const [node, ...others] = error.nodes ?? [];
    if (!node || others.length > 0 || !VALUES.has(node.kind)) continue;
    error.message = `${nameOf(node, document)}: ${error.message}`;
  }
}

/** The argument, or the variable, that has `value` somewhere in it, and the way to it through input fields. */
function nameOf(value: ASTNode, document: DocumentNode): string {
  const names: string[] = [];
  visit(document, {
    enter: (node) => {
      if (node === value) return BREAK;
      const name = ownName(node);
      if (name !== undefined) names.push(name);
      return undefined;
    },
    leave: (node) => {
      if (ownName(node) !== undefined) names.pop();
    },
  });
  return names.join('.');
}

/** The name of a node that has a value. */
function ownName(node: ASTNode): string | undefined {
  if (node.kind === Kind.VARIABLE_DEFINITION) return `$${node.variable.name.value}`;
  return node.kind === Kind.ARGUMENT || node.kind === Kind.OBJECT_FIELD ? node.name.value : undefined;
}
