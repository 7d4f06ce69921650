// The settings of a service that calls subgraphs.
import { httpUrl, milliseconds } from '../settings.ts';

/** The settings of a service that calls a subgraph. */
export const subgraphCallSettings = {
  SUBGRAPH_CONNECTION_MAX_AGE_MS: milliseconds(30_000, 3_600_000, 100).describe(
    'The age at which a connection to a subgraph is replaced, so that new instances get their share of requests.',
  ),
};

/** The URL of a subgraph's GraphQL. */
export const subgraphUrl = (name: string) =>
  httpUrl.describe(`Where the ${name} service answers GraphQL: \`/graphql\` at its PORT.`);
