// The code of the planner's thread: it makes query plans, one after the other, for the latest supergraph. It knows no caller
// and no secret, and the main thread may end it at any time.
import { parentPort } from 'node:worker_threads';
import { operationFromDocument, Supergraph } from '@apollo/federation-internals';
import { QueryPlanner } from '@apollo/query-planner';
import { parse } from 'graphql';
import type { FromPlanner, OperationText, ToPlanner } from './planner-thread.ts';

/** Gives the plan as JSON. */
type Plan = (operation: OperationText) => string;

function createPlan(supergraphSdl: string): Plan {
  // The gateway has validated the supergraph.
  const supergraph = Supergraph.build(supergraphSdl, { validateSupergraph: false });
  const schema = supergraph.apiSchema();
  const planner = new QueryPlanner(supergraph);
  return ({ text, name }) => {
    const operation = operationFromDocument(schema, parse(text, { noLocation: true }), {
      operationName: name,
    });
    return JSON.stringify(planner.buildQueryPlan(operation));
  };
}

let plan: Plan = () => {
  throw new Error('there is no supergraph yet');
};

function answer(asked: ToPlanner): FromPlanner {
  try {
    if (asked.kind === 'plan') return { kind: 'plan', json: plan(asked.operation) };
    plan = createPlan(asked.supergraphSdl);
    return { kind: 'ready' };
  } catch (error) {
    return { kind: 'failed', reason: error instanceof Error ? error.message : String(error) };
  }
}

parentPort?.on('message', (asked: ToPlanner) => parentPort?.postMessage(answer(asked)));
