// Measures operations and their root fields. The labels are names of the schema and of the operations that the service knows; an
// operation that the caller names is `other`.
import type { ApolloServerPlugin } from '@apollo/server';
import {
  type GraphQLFieldResolver,
  type GraphQLFormattedError,
  type GraphQLSchema,
  isObjectType,
} from 'graphql';
import { AppError, isAbandoned, isServerError } from '../errors.ts';
import { DURATION_BUCKETS, Histogram, registry, secondsSince } from '../observability/metrics.ts';
import { isDatabaseUnavailable } from '../postgres/database.ts';

const operations = new Histogram({
  name: 'graphql_operation_duration_seconds',
  help: 'Operations; refused: an error of the caller, error: an error of the server, abandoned: the caller left before the reply.',
  labelNames: ['operation', 'type', 'outcome'],
  buckets: DURATION_BUCKETS,
  registers: [registry],
});

const rootFields = new Histogram({
  name: 'graphql_root_field_duration_seconds',
  help: 'Fields of Query and Mutation; problem: a member of the result union, refused and error: thrown, abandoned: the caller left before the reply.',
  labelNames: ['field', 'outcome'],
  buckets: DURATION_BUCKETS,
  registers: [registry],
});

const OTHER = 'other';

const OPERATION_OUTCOMES = ['ok', 'refused', 'error', 'abandoned'] as const;
export type OperationOutcome = (typeof OPERATION_OUTCOMES)[number];

/** An operation that metrics count by its name. `type` is `query` or `mutation`. */
export interface KnownOperation {
  readonly name: string;
  readonly type: string;
}

const OTHERS: readonly KnownOperation[] = ['query', 'mutation', OTHER].map((type) => ({ name: OTHER, type }));

/** @param errors as the caller sees them @param thrown the same errors, as they were thrown */
export function operationOutcomeOf(
  errors: readonly GraphQLFormattedError[] = [],
  thrown: readonly unknown[] = [],
): OperationOutcome {
  if (errors.length === 0) return 'ok';
  if (thrown.some(isAbandoned)) return 'abandoned';
  return errors.some(({ extensions }) => isServerError(extensions?.['code'])) ? 'error' : 'refused';
}

/**
 * Counts operations, by their names when those are in `known`. Each series begins at 0, because a rate does not see the first
 * event of a series that begins with it.
 */
export function createOperationMeter(known: readonly KnownOperation[]) {
  const names = new Set(known.map(({ name }) => name));
  for (const { name: operation, type } of [...known, ...OTHERS])
    for (const outcome of OPERATION_OUTCOMES) operations.zero({ operation, type, outcome });
  const bound = new Map<string, { observe(seconds: number): void }>();
  return (
    name: string | undefined,
    type: string | undefined,
    outcome: OperationOutcome,
    startedAt: number,
  ): void => {
    const operation = name !== undefined && names.has(name) ? name : OTHER;
    const key = `${operation} ${type} ${outcome}`;
    const observer = bound.get(key) ?? operations.labels({ operation, type: type ?? OTHER, outcome });
    bound.set(key, observer);
    observer.observe(secondsSince(startedAt));
  };
}

/** A plugin that counts operations by their type only, because a subgraph knows no operation by name. */
export function measureOperations(): ApolloServerPlugin {
  const count = createOperationMeter([]);
  return {
    requestDidStart: async () => {
      const startedAt = performance.now();
      return {
        willSendResponse: async ({ operation, response, errors }) => {
          if (response.body.kind !== 'single') return;
          const outcome = operationOutcomeOf(response.body.singleResult.errors, errors);
          count(undefined, operation?.operation, outcome, startedAt);
        },
      };
    },
  };
}

type RootOutcome = 'ok' | 'problem' | 'refused' | 'error' | 'abandoned';

/** In these schemas, only the problem members of a result union have a `code`. */
const rootOutcomeOfValue = (value: unknown): RootOutcome =>
  typeof value === 'object' && value !== null && 'code' in value ? 'problem' : 'ok';

const rootOutcomeOfError = (error: unknown): RootOutcome => {
  if (isAbandoned(error)) return 'abandoned';
  return error instanceof AppError && !isServerError(error.code) && !isDatabaseUnavailable(error)
    ? 'refused'
    : 'error';
};

const WORST_FIRST = ['error', 'abandoned', 'refused'] as const satisfies RootOutcome[];

/** The worst outcome of the entities of one call. */
function rootOutcomeOfEntities(entities: readonly unknown[]): RootOutcome {
  const failed = entities.filter((entity) => entity instanceof Error);
  if (failed.length === 0) return 'ok';
  const outcomes = failed.map(rootOutcomeOfError);
  return WORST_FIRST.find((outcome) => outcomes.includes(outcome)) ?? 'ok';
}

const toError = (reason: unknown): Error => (reason instanceof Error ? reason : new Error(String(reason)));

/** Waits for entities that are loaded one by one, with an Error in the place of each that could not be loaded. */
const settleList = (entities: readonly unknown[]): Promise<unknown[]> =>
  Promise.all(entities.map((entity) => Promise.resolve(entity).catch(toError)));

type Resolver = GraphQLFieldResolver<unknown, unknown>;

function measure(field: string, resolve: Resolver): Resolver {
  const labels = {
    ok: { field, outcome: 'ok' },
    problem: { field, outcome: 'problem' },
    refused: { field, outcome: 'refused' },
    error: { field, outcome: 'error' },
    abandoned: { field, outcome: 'abandoned' },
  };
  for (const each of Object.values(labels)) rootFields.zero(each);
  return (source, args, context, info) => {
    const startedAt = performance.now();
    const done = (outcome: RootOutcome) => rootFields.observe(labels[outcome], secondsSince(startedAt));
    try {
      const result = resolve(source, args, context, info);
      if (result instanceof Promise) {
        result.then(
          (value) => done(Array.isArray(value) ? rootOutcomeOfEntities(value) : rootOutcomeOfValue(value)),
          (error: unknown) => done(rootOutcomeOfError(error)),
        );
      } else if (Array.isArray(result)) {
        void settleList(result).then((entities) => done(rootOutcomeOfEntities(entities)));
      } else done(rootOutcomeOfValue(result));
      return result;
    } catch (error) {
      done(rootOutcomeOfError(error));
      throw error;
    }
  };
}

/** Wraps the resolvers of the root types, once. Other fields are not measured. */
export function measureRootFields(schema: GraphQLSchema): void {
  for (const type of [schema.getQueryType(), schema.getMutationType()]) {
    if (!isObjectType(type)) continue;
    for (const field of Object.values(type.getFields()))
      if (field.resolve) field.resolve = measure(field.name, field.resolve);
  }
}
