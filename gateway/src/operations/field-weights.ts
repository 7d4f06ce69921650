// What fields cost whose values can be large: `@cost(weight: …)` of federation 2.9, in KiB. Each subgraph says it in its
// schema, and composition carries it into the supergraph.
import { type ConstDirectiveNode, Kind, parse } from 'graphql';

/** By `Type.field`. A field that is not in it has a weight of 1. */
export type FieldWeights = ReadonlyMap<string, number>;

/** Reads the weights out of a supergraph. An interface's field weighs what the heaviest one that implements it does. */
export function fieldWeights(supergraphSdl: string): FieldWeights {
  const weights = new Map<string, number>();
  for (const type of parse(supergraphSdl, { noLocation: true }).definitions) {
    if (type.kind !== Kind.OBJECT_TYPE_DEFINITION) continue;
    const owners = [type, ...(type.interfaces ?? [])].map(({ name }) => name.value);
    for (const { name, directives = [] } of type.fields ?? []) {
      const weight = weightOf(directives.find((directive) => directive.name.value === 'cost'));
      for (const owner of owners) {
        const field = `${owner}.${name.value}`;
        if (weight > (weights.get(field) ?? 1)) weights.set(field, weight);
      }
    }
  }
  return weights;
}

function weightOf(cost: ConstDirectiveNode | undefined): number {
  const weight = cost?.arguments?.find(({ name }) => name.value === 'weight')?.value;
  return weight?.kind === Kind.INT ? Number(weight.value) : 1;
}
