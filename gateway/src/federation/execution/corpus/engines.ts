// The two executors that the corpus compares: @apollo/gateway's and the compiled one, with Apollo's planner, the same
// subgraphs and the same trouble.
import { operationFromDocument, Supergraph } from '@apollo/federation-internals';
import { buildOperationContext, executeQueryPlan, type GraphQLDataSource } from '@apollo/gateway';
import { type QueryPlan, QueryPlanner } from '@apollo/query-planner';
import type { GatewayGraphQLRequestContext } from '@apollo/server-gateway-interface';
import {
  buildASTSchema,
  type DocumentNode,
  GraphQLError,
  type GraphQLFormattedError,
  type GraphQLSchema,
  getOperationAST,
  getVariableValues,
  type OperationDefinitionNode,
  parse,
  print,
} from 'graphql';
import { compileExecution, plannable, type SubgraphReply } from '../execution.ts';
import type { Operation } from './operations.ts';
import type { SubgraphRequest } from './subgraphs.ts';

export type Call = (subgraph: string, request: SubgraphRequest) => Promise<SubgraphReply>;

export interface Answer {
  /** JSON; undefined when there are no data at all. */
  readonly data: string | undefined;
  readonly errors: readonly GraphQLFormattedError[];
  /** What Apollo's executor finds wrong with the data when there is no other error. */
  readonly completion: readonly GraphQLFormattedError[];
}

export interface Engines {
  readonly schema: GraphQLSchema;
  /** The planner fails on some valid operations, most of them with interface objects. */
  isPlannable(operation: Operation): boolean;
  apollo(operation: Operation, call: Call): Promise<Answer>;
  compiled(operation: Operation, call: Call): Promise<Answer>;
}

export function createEngines(supergraphSdl: string): Engines {
  const supergraph = Supergraph.build(supergraphSdl, { validateSupergraph: false });
  const apiSchema = supergraph.apiSchema();
  const schema = apiSchema.toGraphQLJSSchema();
  const supergraphSchema = buildASTSchema(parse(supergraphSdl), { assumeValidSDL: true });
  const planner = new QueryPlanner(supergraph);
  const names = supergraph.subgraphsMetadata().map(({ name }) => name);
  let last = { text: '', json: '' };
  /** As the planner's thread gives it. The same document comes twice in a row. */
  function plan(document: DocumentNode): QueryPlan {
    const text = print(document);
    if (last.text !== text)
      last = {
        text,
        json: JSON.stringify(planner.buildQueryPlan(operationFromDocument(apiSchema, document))),
      };
    return JSON.parse(last.json);
  }

  return {
    schema,
    isPlannable: ({ document }) => {
      try {
        plan(document);
        return true;
      } catch {
        return false;
      }
    },
    apollo: async (operation, call) => {
      const { document } = operation;
      const services = Object.fromEntries(names.map((name) => [name, dataSource(name, call)]));
      const context = createRequestContext(operation, schema);
      const operationContext = buildOperationContext({ schema, operationDocument: document });
      const planned = plan(document);
      return answer(
        await executeQueryPlan(planned, services, context, operationContext, supergraphSchema, apiSchema),
      );
    },
    compiled: async ({ document, variables }, call) => {
      const operation = operationIn(document);
      const planned = plannable({ document, operation });
      const execute = compileExecution({
        schema,
        supergraphSchema,
        read: () => ({ document, operation }),
        plan: planned && plan(planned),
      });
      return answer(
        await execute({
          variables,
          coerced: coerceVariables(schema, operation, variables),
          call: async ({ subgraph, body }) => call(subgraph, JSON.parse(body)),
        }),
      );
    },
  };
}

const dataSource = (name: string, call: Call): GraphQLDataSource => ({
  process: async ({ request: { query = '', variables = {} } }) => {
    const { data, errors } = await call(name, { query, variables });
    // The types say that errors are well-formed, and the corpus tests what happens when they are not.
    return {
      ...(data !== undefined && { data }),
      ...(errors && { errors: JSON.parse(JSON.stringify(errors)) }),
    };
  },
});

function operationIn(document: DocumentNode): OperationDefinitionNode {
  const operation = getOperationAST(document);
  if (!operation) throw new Error('a document with one operation is expected');
  return operation;
}

function coerceVariables(
  schema: GraphQLSchema,
  operation: OperationDefinitionNode,
  variables: Readonly<Record<string, unknown>>,
) {
  const result = getVariableValues(schema, operation.variableDefinitions ?? [], variables);
  if (result.coerced === undefined)
    throw new Error(`the corpus's variables are wrong: ${result.errors.join('\n')}`);
  return result.coerced;
}

interface Executed {
  readonly data?: unknown;
  readonly errors?: readonly unknown[];
  readonly extensions?: Readonly<Record<string, unknown>>;
}

function answer({ data, errors, extensions }: Executed): Answer {
  const completion = extensions?.['valueCompletion'];
  return {
    data: data === undefined ? undefined : JSON.stringify(data),
    errors: (errors ?? []).map(formatError),
    completion: Array.isArray(completion) ? completion.map(formatError) : [],
  };
}

const formatError = (error: unknown): GraphQLFormattedError =>
  error instanceof GraphQLError
    ? error.toJSON()
    : { message: error instanceof Error ? error.message : String(error) };

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const noCache = { get: async () => undefined, set: async () => {}, delete: async () => false };

function createRequestContext(
  { source, document, variables }: Operation,
  schema: GraphQLSchema,
): GatewayGraphQLRequestContext {
  return {
    request: { query: source, variables },
    logger: silent,
    schema,
    schemaHash: JSON.parse('"corpus"'),
    context: {},
    cache: noCache,
    queryHash: '',
    document,
    source,
    operationName: null,
    operation: operationIn(document),
    metrics: {},
    overallCachePolicy: undefined,
  };
}
