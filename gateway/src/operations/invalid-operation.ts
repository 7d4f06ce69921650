// An operation that cannot be executed: its text is not valid, or its variables do not fit.
import { GraphQLError } from 'graphql';

/** The errors are for the caller, as graphql-js says them. */
export class InvalidOperation extends Error {
  override readonly name = 'InvalidOperation';
  readonly errors: readonly GraphQLError[];
  constructor(errors: readonly GraphQLError[]) {
    super(errors[0]?.message ?? 'the operation is not valid');
    this.errors = errors;
  }
}

/** The error with a code, of which graphql-js gives none. */
export function withCode(error: GraphQLError, code: string): GraphQLError {
  const { message, nodes, source, positions, path } = error;
  return new GraphQLError(message, { nodes, source, positions, path, extensions: { code } });
}
