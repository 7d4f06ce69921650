// Runs compiled operations in Apollo Server. Apollo accepts another executor only through the interface of its `gateway` option, so
// this object implements that interface.
import type { ApolloServerOptions, BaseContext } from '@apollo/server';
import type { DocumentNode, GraphQLSchema } from 'graphql';
import { type CompiledOperation, compileOperation } from './compiled-operation.ts';

type Gateway = NonNullable<ApolloServerOptions<BaseContext>['gateway']>;

/** The `gateway` of an Apollo Server that executes operations of `schema`. */
export function compileSchema(schema: GraphQLSchema): Gateway {
  /** By document. Apollo's document store limits the documents, and with them these entries. */
  const compiled = new WeakMap<DocumentNode, Map<string | undefined, CompiledOperation>>();

  function operationOf(document: DocumentNode, name: string | undefined): CompiledOperation {
    let operations = compiled.get(document);
    if (operations === undefined) {
      operations = new Map();
      compiled.set(document, operations);
    }
    let operation = operations.get(name);
    if (operation === undefined) {
      operation = compileOperation(schema, document, name);
      operations.set(name, operation);
    }
    return operation;
  }

  return {
    load: async () => ({
      executor: async ({ document, request, context }) =>
        operationOf(
          document,
          request.operationName,
        )({ contextValue: context, variableValues: request.variables }),
    }),
    onSchemaLoadOrUpdate: (use) => {
      use({ apiSchema: schema, coreSupergraphSdl: '' });
      return () => undefined;
    },
    stop: async () => undefined,
  };
}
