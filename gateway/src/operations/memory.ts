// How much memory operations take: estimates, which a test holds to the heap. The store of operations is bounded by them.
import { type OperationDefinitionNode, visit } from 'graphql';
import type { Measured } from './measure.ts';

/** A text, and its place in the store. Characters may take two bytes. */
export const bytesOfText = (text: string): number => 500 + 2 * text.length;

/** What an operation holds beside its text. It grows when more is asked of it. */
export interface Grown {
  /** Nodes of the definitions of variables. */
  readonly nodes: number;
  /** Parts of the cost that variables decide. */
  readonly parts: number;
  /** Root fields, for each combination of conditions that was asked for. */
  rootFields: number;
  /** Members of the reply's objects, likewise, and for each type of object that was met. */
  members: number;
  /** Of the plan, in characters of JSON; undefined before there is one. */
  planSize: number | undefined;
}

export const startOf = (
  { variableDefinitions = [] }: OperationDefinitionNode,
  { parts }: Measured,
): Grown => ({ nodes: nodesIn(variableDefinitions), parts, rootFields: 0, members: 0, planSize: undefined });

function nodesIn(definitions: NonNullable<OperationDefinitionNode['variableDefinitions']>): number {
  let count = 0;
  const enter = (): void => {
    count += 1;
  };
  for (const definition of definitions) visit(definition, { enter });
  return count;
}

export const bytesOfOperation = ({ nodes, parts, rootFields, members, planSize }: Grown): number =>
  1_500 +
  100 * nodes +
  250 * parts +
  200 * rootFields +
  (planSize === undefined ? 0 : 1_500 + 6 * planSize) +
  100 * members;
