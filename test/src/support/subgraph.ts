// Asks one subgraph directly, as a service of the system would: past the gateway and whatever it keeps off.
import type { GraphQLReply } from './client.ts';
import type { RunningSystem, Subgraph } from './running-system.ts';

export interface SubgraphCall {
  readonly query: string;
  readonly variables?: object;
  /** The end user's access token. */
  readonly token?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  /** Of another instance of the service, with its path. */
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

/** What `_entities` of a subgraph tells `token` of one entity. */
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
