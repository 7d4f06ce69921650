// Estimates how much memory operations take. The estimates bound the store of operations; a test compares them with the heap.
import { type OperationDefinitionNode, visit } from 'graphql';
import type { Measured } from './measure.ts';

/** The bytes of a text and its entry in the store. A character may take two bytes. */
export const bytesOfText = (text: string): number => 500 + 2 * text.length;

/** What an operation holds in addition to its text. It grows with later requests. */
export interface Grown {
  /** The nodes of the variable definitions. */
  readonly nodes: number;
  /** The parts of the cost that depend on variables. */
  readonly parts: number;
  /** The root fields, for each combination of conditions that has occurred. */
  rootFields: number;
  /** The members of objects in the reply, for each combination of conditions and each type that has occurred. */
  members: number;
  /** The size of the plan in characters of JSON; undefined before there is a plan. */
  planSize: number | undefined;
}

export const initialSize = (
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
