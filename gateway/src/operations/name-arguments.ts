// Adds names of arguments to errors about literals: graphql-js gives the error and its location, but not the argument.
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

/** Puts `filter.minPrice: ` before a message about the value of that argument, and `$name: ` before one about a default. */
export function nameArguments(errors: readonly GraphQLError[], document: DocumentNode): void {
  for (const error of errors) {
    const [node, ...others] = error.nodes ?? [];
    if (!node || others.length > 0 || !VALUES.has(node.kind)) continue;
    error.message = `${nameOf(node, document)}: ${error.message}`;
  }
}

/** The argument or variable that contains `value`, with the path through input fields. */
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

/** The name of a node that can contain a value. */
function ownName(node: ASTNode): string | undefined {
  if (node.kind === Kind.VARIABLE_DEFINITION) return `$${node.variable.name.value}`;
  return node.kind === Kind.ARGUMENT || node.kind === Kind.OBJECT_FIELD ? node.name.value : undefined;
}
