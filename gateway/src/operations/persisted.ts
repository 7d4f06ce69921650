// Persisted mode: /graphql runs the operations of the manifest and nothing else. It is decided before anything of a
// request is parsed as GraphQL. The REST shim's own operations do not come this way.
import type { Logger } from '@holdfast/platform/observability/log';
import { GraphQLError, type GraphQLSchema } from 'graphql';
import { z } from 'zod';
import { errorOf, idOf, type Manifest, manifestFile, type PersistedOperation } from './manifest.ts';

export const operationSettings = {
  OPERATIONS: z
    .enum(['any', 'persisted'])
    .default('any')
    .describe(
      'Whether `/graphql` runs every valid operation, or those of PERSISTED_OPERATIONS_FILE only ' +
        '([persisted operations](graphql.md#persisted-operations)).',
    ),
  PERSISTED_OPERATIONS_FILE: manifestFile.describe(
    'The manifest of persisted operations, read once at the start. It is required with `OPERATIONS=persisted`, and refused ' +
      'otherwise.',
  ),
};

export type OperationSettings = Readonly<z.infer<z.ZodObject<typeof operationSettings>>>;

/**
 * The text that is run for what a request to /graphql says of its operation; undefined when any text is run.
 * @throws {GraphQLError} PERSISTED_QUERY_NOT_IN_LIST
 */
export type FindListed = ((asked: unknown) => string) | undefined;

export interface PersistedOperations {
  readonly listed: FindListed;
  /** What is listed. */
  readonly operations: readonly PersistedOperation[];
  /** Tells operations that this graph cannot run; they are refused as not listed until another graph can. */
  check(schema: GraphQLSchema): void;
}

export function createPersisted(
  { OPERATIONS, PERSISTED_OPERATIONS_FILE: manifest }: OperationSettings,
  maxTokens: number,
  log: Logger,
): PersistedOperations {
  if (OPERATIONS === 'any' || manifest === undefined)
    return { listed: undefined, operations: [], check: () => {} };
  let runnable = manifest;
  return {
    listed: (asked) => listed(runnable, asked),
    operations: [...manifest.values()],
    check: (schema) => {
      const errors = new Map(
        [...manifest].flatMap(([id, { body }]) => {
          const error = errorOf(schema, body, maxTokens);
          return error === undefined ? [] : [[id, error]];
        }),
      );
      for (const [id, error] of errors) log.error({ id, error }, 'a persisted operation cannot be run');
      runnable = new Map([...manifest].filter(([id]) => !errors.has(id)));
      log.info({ operations: runnable.size }, 'persisted operations only');
    },
  };
}

const notListed = (what: string): GraphQLError =>
  new GraphQLError(`An operation of the persisted list is expected; ${what}.`, {
    extensions: { code: 'PERSISTED_QUERY_NOT_IN_LIST' },
  });

/** By this message and this code, clients of Apollo and urql know that they have to send texts. */
export const hashesNotSupported = (): GraphQLError =>
  new GraphQLError('PersistedQueryNotSupported', { extensions: { code: 'PERSISTED_QUERY_NOT_SUPPORTED' } });

const persistedQuery = z.looseObject({ sha256Hash: z.string() });

/** Whether the extensions of a request name an operation by its hash. */
export const namesHash = (extensions: unknown): boolean =>
  z.looseObject({ persistedQuery }).safeParse(extensions).success;

/** What a request says about its operation, wherever HTTP lets it. What else it has is read after that. */
const askedShape = z.looseObject({
  query: z.string().min(1).nullish(),
  extensions: z.looseObject({ persistedQuery: persistedQuery.nullish() }).nullish(),
});

/** The body of the operation that is asked for, by its id or by itself. */
function listed(manifest: Manifest, asked: unknown): string {
  const { data } = askedShape.safeParse(asked);
  const hash = data?.extensions?.persistedQuery?.sha256Hash;
  const query = data?.query ?? undefined;
  if (hash === undefined && query === undefined)
    throw notListed('this request names none, neither by extensions.persistedQuery.sha256Hash nor by query');
  const id = hash ?? idOf(query ?? '');
  const body = manifest.get(id)?.body;
  if (body === undefined) throw notListed('this one is not in it');
  if (query !== undefined && query !== body) throw notListed('the query is not the one of that hash');
  return body;
}
