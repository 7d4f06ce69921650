// GraphQL operations of the REST shim, and the one way to run them: the gateway's own execution.
import type { ApolloServer } from '@apollo/server';
import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import type { RequestContext } from '@holdfast/platform/graphql';
import { getOperationAST, print } from 'graphql';
import { OperationFault } from './faults.ts';

export type AnyVariables = Readonly<Record<string, unknown>>;

/** One operation of operations/*.graphql. What it gives and takes was read from the supergraph by the code generator. */
export interface Operation<Data, Variables> {
  readonly name: string;
  /** Of the document, printed once: Apollo Server finds what it has parsed and validated by the text. */
  readonly text: string;
  readonly document: TypedDocumentNode<Data, Variables>;
}

/** @param document with one operation that has a name */
export function operation<Data, Variables>(
  document: TypedDocumentNode<Data, Variables>,
): Operation<Data, Variables> {
  const name = getOperationAST(document)?.name?.value;
  if (name === undefined) throw new Error(`one operation with a name is expected, got ${print(document)}`);
  return { name, text: print(document), document };
}

/** Runs an operation as the context's viewer. @throws {OperationFault} when there are errors or there is no data */
export type Execute = <Data, Variables extends AnyVariables>(
  operation: Operation<Data, Variables>,
  variables: Variables,
  contextValue: RequestContext,
) => Promise<Data>;

/** Runs operations on the gateway's server, through the same limits and checks as a POST to /graphql. */
export function createExecute(server: ApolloServer<RequestContext>): Execute {
  return async <Data, Variables extends AnyVariables>(
    { text }: Operation<Data, Variables>,
    variables: Variables,
    contextValue: RequestContext,
  ): Promise<Data> => {
    const { body } = await server.executeOperation<Data, Variables>(
      { query: text, variables },
      { contextValue },
    );
    if (body.kind !== 'single') throw new OperationFault([]);
    const { data, errors } = body.singleResult;
    // A REST reply is whole or it is none: there is no place in it for "and this part is missing".
    if (errors !== undefined && errors.length > 0) throw new OperationFault(errors);
    if (data == null) throw new OperationFault([]);
    return data;
  };
}

/**
 * A value that the schema makes null only beside an error, such as the result of a mutation. With an error there is no
 * data here at all. @throws {OperationFault} when it is null all the same
 */
export function present<Value>(value: Value | null): Value {
  if (value === null) throw new OperationFault([]);
  return value;
}
