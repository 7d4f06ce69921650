// @skip and @include: an operation has one shape for each combination of their variables that has been asked for.
import {
  type DirectiveNode,
  type DocumentNode,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
  visit,
} from 'graphql';
import { memberOf } from './members.ts';
import type { CompleteObject } from './objects.ts';
import { compileShape } from './shape.ts';

/** Shapes that are kept of one operation. Further ones are compiled whenever they are asked for. */
const MAX_SHAPES = 16;

interface Conditional {
  readonly schema: GraphQLSchema;
  readonly supergraphSchema: GraphQLSchema;
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
  /** Told of each shape that is kept. */
  readonly onShape: () => void;
}

export function compileShapes(
  conditional: Conditional,
): (coerced: Readonly<Record<string, unknown>>) => CompleteObject {
  const names = variablesOfConditions(conditional.document);
  const shapes = new Map<string, CompleteObject>();
  const compile = (isMet: (name: string) => boolean) =>
    compileShape({ ...conditional, conditions: new Map(names.map((name) => [name, isMet(name)])) });
  if (names.length === 0) {
    const only = compile(() => false);
    conditional.onShape();
    return () => only;
  }
  return (coerced) => {
    const isMet = (name: string) => memberOf(coerced, name) === true;
    const key = names.map((name) => (isMet(name) ? '1' : '0')).join('');
    const shape = shapes.get(key) ?? compile(isMet);
    if (shapes.size < MAX_SHAPES && !shapes.has(key)) {
      shapes.set(key, shape);
      conditional.onShape();
    }
    return shape;
  };
}

function variablesOfConditions(document: DocumentNode): string[] {
  const names = new Set<string>();
  visit(document, {
    Directive: ({ name, arguments: given }: DirectiveNode) => {
      if (name.value !== 'skip' && name.value !== 'include') return;
      for (const { value } of given ?? []) if (value.kind === Kind.VARIABLE) names.add(value.name.value);
    },
  });
  return [...names];
}
