// What executes operations: Apollo's gateway, and what stands before it. Each part decides what of an operation the
// next one gets to see; gateway.ts has them in their order.
import { createHash } from 'node:crypto';
import type { ApolloServerOptionsWithGateway } from '@apollo/server';
import type { RequestContext } from '@holdfast/platform/graphql';
import { print, separateOperations } from 'graphql';
import { onlyFields, type RootField } from '../limits/root-fields.ts';

/** What Apollo Server takes for a gateway. */
export type ExecutingGateway = ApolloServerOptionsWithGateway<RequestContext>['gateway'];
export type Executor = NonNullable<Awaited<ReturnType<ExecutingGateway['load']>>['executor']>;
export type Execution = Parameters<Executor>[0];
export type ExecutionResult = Awaited<ReturnType<Executor>>;

export type Variables = Readonly<Record<string, unknown>>;

/** An operation whose variables have been checked. */
export interface CheckedExecution extends Execution {
  /** The values by the variables' names, with defaults, as graphql-js coerces them. */
  readonly coerced: Variables;
}
export type CheckedExecutor = (execution: CheckedExecution) => Promise<ExecutionResult>;

/** The gateway with `wrap` before its executor. */
export function wrapExecutor(
  gateway: ExecutingGateway,
  wrap: (executor: Executor) => Executor,
): ExecutingGateway {
  return {
    load: async (options) => {
      const { executor } = await gateway.load(options);
      return { executor: executor && wrap(executor) };
    },
    onSchemaLoadOrUpdate: (callback) => gateway.onSchemaLoadOrUpdate(callback),
    stop: () => gateway.stop(),
  };
}

/** The execution of some root fields of an operation, as if it had no others. */
export function partOf<Of extends Execution>(execution: Of, fields: readonly RootField[]): Of {
  const operation = onlyFields(execution.operation, fields);
  const definitions = execution.document.definitions.map((definition) =>
    definition === execution.operation ? operation : definition,
  );
  // Fragments that only the other fields spread would be looked at all the same.
  const parts = separateOperations({ ...execution.document, definitions });
  const document = parts[operation.name?.value ?? ''] ?? { ...execution.document, definitions };
  const source = print(document);
  // The gateway keeps query plans by this hash: another operation needs another.
  const queryHash = createHash('sha256').update(source).digest('hex');
  return { ...execution, document, operation, source, queryHash };
}

/** The values of the root fields in the order in which they were asked for. */
export const inOrder = (fields: readonly RootField[], data: Variables): Record<string, unknown> =>
  Object.fromEntries(fields.map(({ responseName }) => [responseName, data[responseName] ?? null]));
