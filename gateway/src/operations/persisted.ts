// Persisted mode: /graphql executes only operations of the manifest. This is decided before the gateway parses any GraphQL of a
// request. The operations of the REST shim do not pass this check.
import type { Logger } from '@holdfast/platform/observability/log';
import { GraphQLError, type GraphQLSchema } from 'graphql';
import { z } from 'zod';
import { idOf, type Manifest, manifestFile, type PersistedOperation, validateBody } from './manifest.ts';

export const persistedSettings = {
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

export type PersistedSettings = Readonly<z.infer<z.ZodObject<typeof persistedSettings>>>;

/**
 * Finds the text to execute for a request to /graphql; undefined outside persisted mode, when any text is executed.
 * @throws {GraphQLError} PERSISTED_QUERY_NOT_IN_LIST
 */
export type FindListed = ((asked: unknown) => string) | undefined;

export interface PersistedOperations {
  readonly listed: FindListed;
  /** The operations of the list. */
  readonly operations: readonly PersistedOperation[];
  /** Logs the operations that this graph cannot execute; they count as not listed until a later graph can execute them. */
  check(schema: GraphQLSchema): void;
}

export function createPersisted(
  { OPERATIONS, PERSISTED_OPERATIONS_FILE: manifest }: PersistedSettings,
  maxTokens: number,
  log: Logger,
): PersistedOperations {
  if (OPERATIONS === 'any' || manifest === undefined)
    return { listed: undefined, operations: [], check: () => {} };
  let runnable = manifest;
  return {
    listed: (asked) => findListed(runnable, asked),
    operations: [...manifest.values()],
    check: (schema) => {
      const errors = new Map(
        [...manifest].flatMap(([id, { body }]) => {
          const error = validateBody(schema, body, maxTokens);
          return error === undefined ? [] : [[id, error]];
        }),
      );
      for (const [id, error] of errors) log.error({ id, error }, 'a persisted operation cannot be run');
      runnable = new Map([...manifest].filter(([id]) => !errors.has(id)));
      log.info({ operations: runnable.size }, 'persisted operations only');
    },
  };
}

const createNotListed = (what: string): GraphQLError =>
  new GraphQLError(`An operation of the persisted list is expected; ${what}.`, {
    extensions: { code: 'PERSISTED_QUERY_NOT_IN_LIST' },
  });

/** The message and the code by which clients of Apollo and urql know that they must send texts. */
export const hashesNotSupported = (): GraphQLError =>
  new GraphQLError('PersistedQueryNotSupported', { extensions: { code: 'PERSISTED_QUERY_NOT_SUPPORTED' } });

const persistedQuery = z.looseObject({ sha256Hash: z.string() });

/** Whether the extensions of a request name an operation by its hash. */
export const namesHash = (extensions: unknown): boolean =>
  z.looseObject({ persistedQuery }).safeParse(extensions).success;

/** The members of a request that name its operation. The others are read after this check. */
const askedShape = z.looseObject({
  query: z.string().min(1).nullish(),
  extensions: z.looseObject({ persistedQuery: persistedQuery.nullish() }).nullish(),
});

/** Finds the body of the requested operation, by its id or its text. */
function findListed(manifest: Manifest, asked: unknown): string {
  const { data } = askedShape.safeParse(asked);
  const hash = data?.extensions?.persistedQuery?.sha256Hash;
  const query = data?.query ?? undefined;
  if (hash === undefined && query === undefined)
    throw createNotListed(
      'this request names none, neither by extensions.persistedQuery.sha256Hash nor by query',
    );
  const id = hash ?? idOf(query ?? '');
  const body = manifest.get(id)?.body;
  if (body === undefined) throw createNotListed('this one is not in it');
  if (query !== undefined && query !== body) throw createNotListed('the query is not the one of that hash');
  return body;
}
