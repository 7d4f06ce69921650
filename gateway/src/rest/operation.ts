// The GraphQL operations of the REST shim, and the function that executes them in the gateway.
import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { getOperationAST, print } from 'graphql';
import type { Caller } from '../admission/caller.ts';
import type { Answer } from '../operations/answer.ts';
import { OperationError } from './errors.ts';

export type AnyVariables = Readonly<Record<string, unknown>>;

/** One operation of operations/*.graphql. The code generator derives its types from the supergraph. */
export interface Operation<Data, Variables> {
  readonly name: string;
  readonly type: string;
  /** The text of the document, printed once: the gateway finds the compiled operation by it. */
  readonly text: string;
  readonly document: TypedDocumentNode<Data, Variables>;
}

/** @param document with one operation that has a name */
export function operation<Data, Variables>(
  document: TypedDocumentNode<Data, Variables>,
): Operation<Data, Variables> {
  const { name, operation: type } = getOperationAST(document) ?? {};
  if (name === undefined || type === undefined)
    throw new Error(`one operation with a name is expected, got ${print(document)}`);
  return { name: name.value, type, text: print(document), document };
}

/** Runs an operation as the caller. @throws {OperationError} when there are errors or there is no data */
export type Execute = <Data, Variables extends AnyVariables>(
  operation: Operation<Data, Variables>,
  variables: Variables,
  caller: Caller,
) => Promise<Data>;

/** The executor has checked every member by the schema that the type was generated from. */
const isWhole = <Data>(data: unknown): data is Data => data != null;

/** Runs operations through the same steps as a POST to /graphql. */
export function createExecute(answer: Answer): Execute {
  return async <Data, Variables extends AnyVariables>(
    { text }: Operation<Data, Variables>,
    variables: Variables,
    caller: Caller,
  ): Promise<Data> => {
    const { data, errors = [] } = await answer({ text, name: undefined, variables, isSafe: false }, caller);
    // A REST reply has no place for partial data, so an operation with any error gives no reply data.
    if (errors.length > 0 || !isWhole<Data>(data)) throw new OperationError(errors);
    return data;
  };
}

/**
 * Requires a value that is null only together with an error, such as the result of a mutation. An operation with an error
 * has been thrown before. @throws {OperationError} when the value is null all the same
 */
export function present<Value>(value: Value | null): Value {
  if (value === null) throw new OperationError([]);
  return value;
}
