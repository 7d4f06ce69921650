// The gateway: the life of a request as one list of steps. docs/architecture.md draws it; parts.ts creates what the steps use.
import type { Reply, RouteHandler } from '@holdfast/platform/http/server';
import type { RunningService } from '@holdfast/platform/lifecycle/service';
import type { Logger } from '@holdfast/platform/observability/log';
import { traceCall } from '@holdfast/platform/observability/tracing';
import type { Caller } from './admission/caller.ts';
import { clientAddress } from './admission/client-address.ts';
import type { GatewaySettings } from './config.ts';
import type { CallSubgraph, Executed } from './federation/execution/execution.ts';
import { allowOrigins } from './http/cors.ts';
import { errorReply, GRAPHQL_PATH } from './http/error-reply.ts';
import { createGraphQLRoute } from './http/graphql-over-http.ts';
import { addRoutes, answerUnknownPath, type GatewayRoute } from './http/routes.ts';
import type { Answer } from './operations/answer.ts';
import { type Operation, requireQuery, SupergraphChanged } from './operations/operation.ts';
import { type RefusedFields, runWithout } from './operations/refused-fields.ts';
import { type AskedOperation, type OperationResult, resultOf, resultOfError } from './operations/result.ts';
import type { Variables } from './operations/root-fields.ts';
import { openParts } from './parts.ts';
import { createExecute } from './rest/operation.ts';
import { addRest } from './rest/rest.ts';

/** Starts the gateway. @throws when the supergraph file cannot be used */
export async function startGateway(settings: GatewaySettings, log: Logger): Promise<RunningService> {
  const parts = await openParts(settings, log);
  const { identify, limits, operations, meter, subgraphs, replySizes, secure, pages, keys, status } = parts;

  /** Executes an operation that GraphQL or REST requests, and gives its result. */
  const answer: Answer = async (asked, caller) => {
    const startedAt = performance.now();
    const { requestId, trail } = caller.request;
    let operation: Operation | undefined;
    let result: OperationResult;
    const find = (): Operation => {
      operation = operations.find(asked.text, asked.name); // 4. operation
      if (asked.isSafe) requireQuery(operation);
      trail.operation = operation.name ?? operation.type;
      return operation;
    };
    try {
      result = resultOf(await steps(find, asked, caller), requestId, log);
    } catch (error) {
      result = resultOfError(error, requestId, log);
    }
    if (result.errors) trail.code = String(result.errors[0]?.extensions?.['code']);
    meter(operation?.name, operation?.type, result.outcome, startedAt);
    return result;
  };

  /** When a new supergraph arrives while an operation is planned, these steps start again; the calls are counted once. */
  async function steps(find: () => Operation, asked: AskedOperation, caller: Caller): Promise<Executed> {
    let refusedFields: RefusedFields | undefined;
    for (;;) {
      const operation = find();
      const variables = operation.coerce(asked.variables); // 5. coerce variables, once
      operation.checkBounds(variables); // 6. bounds
      const root = operation.rootFields(variables);
      refusedFields ??= await limits.count(root.calls, caller); // 7. rate limits
      const run = (chosen: Operation) => execute(chosen, asked.variables, variables, caller);
      try {
        if (refusedFields.size === 0) {
          caller.request.trail.fields = root.fields;
          return await run(operation);
        }
        return await runWithout(refusedFields, operation, root, (text) => {
          const rest = operations.find(text);
          caller.request.trail.fields = rest.rootFields(variables).fields;
          return run(rest);
        });
      } catch (error) {
        if (!(error instanceof SupergraphChanged)) throw error;
      }
    }
  }

  /** 8. execute and 9. shape. */
  async function execute(
    operation: Operation,
    variables: Variables,
    coerced: Variables,
    caller: Caller,
  ): Promise<Executed> {
    const run = await operation.plan(caller.request.deadlineAt);
    const call: CallSubgraph = (asked) => subgraphs.call(asked, caller);
    return await traceCall('gateway.execute', {}, () => run({ variables, coerced, call }));
  }

  const graphql = createGraphQLRoute(answer, parts.listed);
  const routes: GatewayRoute[] = [
    {
      methods: ['GET', 'POST'],
      path: GRAPHQL_PATH,
      handle: async (request, _, caller) => pages.explorerFor(request) ?? graphql(request, caller),
    },
    { methods: ['GET', 'HEAD'], path: '/.well-known/jwks.json', handle: () => keys.answer() },
    { methods: ['GET', 'HEAD'], path: '/status', handle: () => status.answer() },
    ...pages.routes,
  ];

  /** 1. receive: platform/http has checked the head of the request, and reads the body when a handler requests it. */
  const throughList =
    (handle: GatewayRoute['handle']): RouteHandler =>
    async (request, parameters) => {
      const caller = await identify(request); // 2. who
      let reply: Reply;
      try {
        // A preflight does not name its caller.
        if (request.method !== 'OPTIONS') limits.admit(caller); // 3. admit
        if (request.error) throw request.error;
        reply = replySizes.check(caller.received, await handle(request, parameters, caller));
      } catch (error) {
        reply = errorReply(error, request, log);
      }
      return secure(request, reply, await limits.describe(caller, reply)); // 10. reply
    };

  return {
    routes: (app) => {
      allowOrigins(app, settings.CORS_ORIGINS);
      addRoutes(app, routes, throughList);
      app.register((scope) => addRest(scope, createExecute(answer), throughList, pages.small));
    },
    handler: throughList(answerUnknownPath),
    addressOf: (request) => clientAddress(request, settings.TRUSTED_PROXIES),
    onError: (error, request) => secure(request, errorReply(error, request, log)),
    checks: { ...parts.checks, keys: () => keys.answer() },
    close: () => parts.close(),
  };
}
