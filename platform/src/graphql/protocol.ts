// What the gateway must know of the server of a subgraph. It stands alone, so that the gateway does not load that server.

/** The media types of requests and replies (GraphQL over HTTP, 4) between gateway and subgraphs. */
export const GRAPHQL_MEDIA_TYPES = ['application/json', 'application/graphql-response+json'] as const;

/** Replies 204 to any caller while the process runs, without a log line. */
export const ALIVE_PATH = '/alive';
