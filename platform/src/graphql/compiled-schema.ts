// A schema for Apollo Server whose operations are compiled. Apollo takes an executor of its own from what it calls a
// gateway: that is the place at which its request pipeline lets another one in.
import type { ApolloServerOptions, BaseContext } from '@apollo/server';
import type { DocumentNode, GraphQLSchema } from 'graphql';
import { type CompiledOperation, compileOperation } from './compiled-operation.ts';

type Gateway = NonNullable<ApolloServerOptions<BaseContext>['gateway']>;

/** The `gateway` of an Apollo Server that executes operations of `schema`. */
export function compiledSchema(schema: GraphQLSchema): Gateway {
  /** They live as long as Apollo's document store keeps their document, which bounds them. */
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
