// Calls one subgraph directly, as a service of the system does, so that the checks of the gateway do not apply.
import type { GraphQLReply } from './client.ts';
import type { RunningSystem, Subgraph } from './running-system.ts';

export interface SubgraphCall {
  readonly query: string;
  readonly variables?: object;
  /** The access token of the end user. */
  readonly token?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  /** The URL of another instance of the service, with its path. */
  readonly url?: string;
}

export async function askSubgraph(
  system: RunningSystem,
  service: Subgraph,
  { query, variables = {}, token, headers = {}, url = system.subgraphUrl(service) }: SubgraphCall,
): Promise<GraphQLReply> {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(await system.serviceHeaders(service)),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...headers,
    },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors = [] } = JSON.parse(await response.text());
  return { data, errors, status: response.status };
}

/** Reads one entity from `_entities` of a subgraph, with the rights of `token`. */
export async function askEntity(
  system: RunningSystem,
  service: Subgraph,
  representation: { readonly __typename: string; readonly id: string },
  fields: string,
  token?: string,
): Promise<{ readonly entity: unknown; readonly codes: string[] }> {
  const query = `query($r: [_Any!]!) { _entities(representations: $r) { ... on ${representation.__typename} { ${fields} } } }`;
  const { data, errors } = await askSubgraph(system, service, {
    query,
    variables: { r: [representation] },
    token,
  });
  return { entity: data?._entities?.[0] ?? null, codes: errors.map(({ extensions }) => extensions.code) };
}
