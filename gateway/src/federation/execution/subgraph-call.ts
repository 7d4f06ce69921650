// What the executor asks of its caller: to send one operation to a subgraph, and to give its reply.

/** One POST to a subgraph. */
export interface SubgraphCall {
  readonly subgraph: string;
  /** The operation, as it stands in the body; the same string for every call of a plan's step. */
  readonly text: string;
  /** JSON text: `{"query":…,"variables":…,"operationName":…}`. */
  readonly body: string;
  readonly isMutation: boolean;
  /** What is missing in the reply when the call fails, for the path of the error; undefined for several root fields. */
  readonly path: readonly (string | number)[] | undefined;
}

/** An error as a subgraph sends it: JSON, of which nothing but the message has been checked. */
export interface SubgraphError {
  readonly message: string;
  readonly path?: unknown;
  readonly extensions?: unknown;
}

/** The executor takes the data over: it changes it. */
export interface SubgraphReply {
  readonly data?: Readonly<Record<string, unknown>> | null;
  readonly errors?: readonly SubgraphError[];
}

/** Never merges, never retries. Rejects with a GraphQLError when there is no usable reply. */
export type CallSubgraph = (call: SubgraphCall) => Promise<SubgraphReply>;

export interface Run {
  /** As the client sent them: these go to subgraphs. */
  readonly variables: Readonly<Record<string, unknown>>;
  /** As graphql-js coerced them, defaults included: these decide @skip, @include and the conditions of the plan. */
  readonly coerced: Readonly<Record<string, unknown>>;
  readonly call: CallSubgraph;
}
