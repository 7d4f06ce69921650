// The settings of a service that calls subgraphs.
import { httpUrl, milliseconds } from '../settings.ts';

/** What a service takes that calls a subgraph. */
export const subgraphCallSettings = {
  SUBGRAPH_CONNECTION_MAX_AGE_MS: milliseconds(30_000, 3_600_000, 100).describe(
    'After how long a connection to a subgraph is opened anew, so that new instances get their share.',
  ),
};

/** Where a subgraph answers GraphQL. */
export const subgraphUrl = (name: string) =>
  httpUrl.describe(`Where the ${name} service answers GraphQL: \`/graphql\` at its PORT.`);
