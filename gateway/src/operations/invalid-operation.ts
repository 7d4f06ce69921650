// The error for an operation that cannot be executed: its text is not valid, or its variables do not fit.
import { GraphQLError } from 'graphql';

/** Its errors are for the caller, with the messages of graphql-js. */
export class InvalidOperation extends Error {
  override readonly name = 'InvalidOperation';
  readonly errors: readonly GraphQLError[];
  constructor(errors: readonly GraphQLError[]) {
    super(errors[0]?.message ?? 'the operation is not valid');
    this.errors = errors;
  }
}

/** Adds a code to an error, because graphql-js sets none. */
export function withCode(error: GraphQLError, code: string): GraphQLError {
  const { message, nodes, source, positions, path } = error;
  return new GraphQLError(message, { nodes, source, positions, path, extensions: { code } });
}
