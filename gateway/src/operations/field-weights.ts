// The cost of fields with large values: `@cost(weight: …)` of federation 2.9, in KiB. A subgraph sets it in its schema, and
// composition copies it into the supergraph.
import { type ConstDirectiveNode, Kind, parse } from 'graphql';

/** The weights by `Type.field`. Any other field has the weight 1. */
export type FieldWeights = ReadonlyMap<string, number>;

/** Reads the weights of a supergraph. A field of an interface has the largest weight of its implementations. */
export function fieldWeights(supergraphSdl: string): FieldWeights {
  const weights = new Map<string, number>();
  for (const type of parse(supergraphSdl, { noLocation: true }).definitions) {
    if (type.kind !== Kind.OBJECT_TYPE_DEFINITION) continue;
    const owners = [type, ...(type.interfaces ?? [])].map(({ name }) => name.value);
    for (const { name, directives = [] } of type.fields ?? []) {
      const weight = readWeight(directives.find((directive) => directive.name.value === 'cost'));
      for (const owner of owners) {
        const field = `${owner}.${name.value}`;
        if (weight > (weights.get(field) ?? 1)) weights.set(field, weight);
      }
    }
  }
  return weights;
}

function readWeight(cost: ConstDirectiveNode | undefined): number {
  const weight = cost?.arguments?.find(({ name }) => name.value === 'weight')?.value;
  return weight?.kind === Kind.INT ? Number(weight.value) : 1;
}
