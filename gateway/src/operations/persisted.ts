// Persisted mode: /graphql runs the operations of the manifest and nothing else. It is decided before anything of a
// request is parsed as GraphQL. The REST shim's own operations do not come this way.
import type { HTTPGraphQLRequest } from '@apollo/server';
import type { Logger } from '@holdfast/platform/log';
import { GraphQLError, type GraphQLSchema } from 'graphql';
import { z } from 'zod';
import { faultOf, idOf, type Manifest, manifestFile } from './manifest.ts';

export const operationSettings = {
  OPERATIONS: z
    .enum(['any', 'persisted'])
    .default('any')
    .describe(
      'Whether `/graphql` runs every valid operation, or those of PERSISTED_OPERATIONS_FILE only ' +
        '([persisted operations](api.md#persisted-operations)).',
    ),
  PERSISTED_OPERATIONS_FILE: manifestFile.describe(
    'The manifest of persisted operations, read once at the start. It is required with `OPERATIONS=persisted`, and refused ' +
      'otherwise.',
  ),
};

export type OperationSettings = Readonly<z.infer<z.ZodObject<typeof operationSettings>>>;

/** Lets a request for /graphql through, as it is to be run. @throws {GraphQLError} PERSISTED_QUERY_NOT_IN_LIST */
export type Admit = (request: HTTPGraphQLRequest) => HTTPGraphQLRequest;

export interface PersistedOperations {
  readonly admit: Admit;
  /** The names of what is listed. */
  readonly names: readonly string[];
  /** Tells operations that this graph cannot run; they are refused as not listed until another graph can. */
  check(schema: GraphQLSchema): void;
}

export function createOperations(
  { OPERATIONS, PERSISTED_OPERATIONS_FILE: manifest }: OperationSettings,
  maxTokens: number,
  log: Logger,
): PersistedOperations {
  if (OPERATIONS === 'any' || manifest === undefined)
    return { admit: (request) => request, names: [], check: () => {} };
  let runnable = manifest;
  return {
    admit: (request) => admit(runnable, request),
    names: [...manifest.values()].map(({ name }) => name),
    check: (schema) => {
      const faults = new Map(
        [...manifest].flatMap(([id, { body }]) => {
          const fault = faultOf(schema, body, maxTokens);
          return fault === undefined ? [] : [[id, fault]];
        }),
      );
      for (const [id, fault] of faults) log.error({ id, fault }, 'a persisted operation cannot be run');
      runnable = new Map([...manifest].filter(([id]) => !faults.has(id)));
      log.info({ operations: runnable.size }, 'persisted operations only');
    },
  };
}

const notListed = (what: string): GraphQLError =>
  new GraphQLError(`An operation of the persisted list is expected; ${what}.`, {
    extensions: { code: 'PERSISTED_QUERY_NOT_IN_LIST' },
  });

/** What a request says about its operation, wherever HTTP lets it. */
const askedShape = z.object({
  query: z.string().min(1).nullish(),
  extensions: z.object({ persistedQuery: z.object({ sha256Hash: z.string() }).nullish() }).nullish(),
});

function admit(manifest: Manifest, request: HTTPGraphQLRequest): HTTPGraphQLRequest {
  if (request.method !== 'GET') return { ...request, body: admitBody(manifest, request.body) };
  const parameters = new URLSearchParams(request.search);
  // The explorer's page, or a request that asks for nothing, which is told so.
  if (!parameters.has('query') && !parameters.has('extensions')) return request;
  const query = listed(manifest, {
    query: parameters.get('query'),
    extensions: jsonOf(parameters.get('extensions')),
  });
  parameters.delete('extensions');
  parameters.set('query', query);
  return { ...request, search: `?${parameters}` };
}

function admitBody(manifest: Manifest, body: unknown): unknown {
  // What is no request at all is told so.
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return body;
  const { extensions: _, ...rest }: Record<string, unknown> = { ...body };
  return { ...rest, query: listed(manifest, body) };
}

function jsonOf(text: string | null): unknown {
  try {
    return text === null ? null : JSON.parse(text);
  } catch {
    return text;
  }
}

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
