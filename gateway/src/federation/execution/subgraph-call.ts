// The interface between the executor and the subgraphs: one operation is sent, and its reply comes back.

/** One POST to a subgraph. */
export interface SubgraphCall {
  readonly subgraph: string;
  /** The operation as in the body; the same string object for every call of a step of a plan. */
  readonly text: string;
  /** JSON text: `{"query":…,"variables":…,"operationName":…}`. */
  readonly body: string;
  readonly isMutation: boolean;
  /** The path of the error when the call fails; undefined for several root fields. */
  readonly path: readonly (string | number)[] | undefined;
}

/** An error as a subgraph sends it: JSON, of which only the message has been checked. */
export interface SubgraphError {
  readonly message: string;
  readonly path?: unknown;
  readonly extensions?: unknown;
}

/** The executor owns the data, and changes them in place. */
export interface SubgraphReply {
  readonly data?: Readonly<Record<string, unknown>> | null;
  readonly errors?: readonly SubgraphError[];
}

/** Never merges, never retries. Rejects with a GraphQLError when there is no usable reply. */
export type CallSubgraph = (call: SubgraphCall) => Promise<SubgraphReply>;

export interface Run {
  /** The variables as the client sent them; the subgraphs receive these. */
  readonly variables: Readonly<Record<string, unknown>>;
  /** The variables as graphql-js coerced them, with defaults; these decide @skip, @include and the conditions of the plan. */
  readonly coerced: Readonly<Record<string, unknown>>;
  readonly call: CallSubgraph;
}
