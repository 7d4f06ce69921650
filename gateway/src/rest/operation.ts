// GraphQL operations of the REST shim, and the one way to run them: the gateway's own execution.
import type { ApolloServer } from '@apollo/server';
import type { RequestContext } from '@holdfast/platform/graphql';
import { OperationFault } from './faults.ts';

/**
 * The text of one named operation and what it gives and takes. The types are a claim about the text; a test holds
 * every text against the supergraph.
 */
export interface Operation<Data, Variables> {
  readonly name: string;
  readonly text: string;
  /** Carries the types; never called. */
  readonly typed?: (variables: Variables) => Data;
}

/** @param text a document with one operation; Apollo Server parses and validates it once and keeps that */
export const operation = <Data, Variables extends Readonly<Record<string, unknown>>>(
  text: string,
): Operation<Data, Variables> => {
  const name = /\b(?:query|mutation)\s+(\w+)/.exec(text)?.[1];
  if (name === undefined) throw new Error(`an operation with a name is expected, got ${text}`);
  return { name, text: text.replace(/\s+/g, ' ').trim() };
};

/** Runs an operation as the context's viewer. @throws {OperationFault} when there are errors or there is no data */
export type Execute = <Data, Variables extends Readonly<Record<string, unknown>>>(
  operation: Operation<Data, Variables>,
  variables: Variables,
  contextValue: RequestContext,
) => Promise<Data>;

/** Runs operations on the gateway's server, through the same limits and checks as a POST to /graphql. */
export function createExecute(server: ApolloServer<RequestContext>): Execute {
  return async <Data, Variables extends Readonly<Record<string, unknown>>>(
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
