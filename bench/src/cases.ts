// The cases of the benchmark, and the contenders that each case compares.
import type { BenchRequest } from './requests.ts';
import * as requests from './requests.ts';
import type { GatewayName } from './system.ts';
import { GATEWAYS } from './system.ts';

export const CASE_NAMES = ['lookup', 'page', 'three', 'rest', 'memory', 'ready', 'orders'] as const;
export type CaseName = (typeof CASE_NAMES)[number];

/** One row of a comparison. */
export interface Contender {
  readonly name: string;
  readonly gateway: GatewayName;
  readonly requests: readonly BenchRequest[];
}

export interface Comparison {
  readonly name: string;
  readonly title: string;
  /** The others are compared with the first. */
  readonly contenders: readonly Contender[];
}

const ROW_NAMES: Record<GatewayName, string> = {
  naive: '@apollo/gateway as documented (naive)',
  tuned: '@apollo/gateway, undici data source on node:http (tuned)',
  mercurius: 'mercurius + @mercuriusjs/gateway, JIT',
  proxy: 'bare node:http proxy',
  ours: 'ours: limits, log and metrics on',
  'ours-limits-off': 'ours, limits off',
  'ours-log-off': 'ours, log off',
};

const among = (
  name: string,
  title: string,
  theirs: readonly BenchRequest[],
  gateways: readonly GatewayName[],
): Comparison => ({
  name,
  title,
  contenders: gateways.map((gateway) => ({ name: ROW_NAMES[gateway], gateway, requests: theirs })),
});

const ofRest = (
  name: string,
  title: string,
  graphql: readonly BenchRequest[],
  rest: readonly BenchRequest[],
): Comparison => ({
  name,
  title,
  contenders: [
    { name: 'GraphQL', gateway: 'ours', requests: graphql },
    { name: 'REST', gateway: 'ours', requests: rest },
  ],
});

/** The comparisons of gateways among `cases`. The proxy is left out of `three`, because it cannot combine three answers. */
export function gatewayComparisons(
  cases: readonly CaseName[],
  gateways: readonly GatewayName[],
): Comparison[] {
  const composing = GATEWAYS.filter((name) => name !== 'proxy' && gateways.includes(name));
  return [
    among('lookup', 'look-up', requests.lookups, gateways),
    among('page', 'page of 20', requests.pages, gateways),
    among('three', 'three subgraphs', requests.threes, composing),
  ].filter(({ name, contenders }) => cases.some((each) => each === name) && contenders.length > 0);
}

/** REST beside the GraphQL operation of the same fields, at our gateway. */
export const restComparisons = (): Comparison[] => [
  ofRest('rest-lookup', 'GET /products/{id}', requests.wholeProducts, requests.restProducts),
  ofRest('rest-page', 'GET /products', requests.wholePages, requests.restPages),
];
