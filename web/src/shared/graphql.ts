// Sends one GraphQL operation with fetch, as the signed-in user.
import { currentSession } from './session.ts';

export interface GraphQLReply {
  readonly data?: Readonly<Record<string, unknown>> | null;
  readonly errors?: readonly { readonly message: string }[];
}

export async function send(
  query: string,
  variables: Readonly<Record<string, unknown>> = {},
): Promise<GraphQLReply> {
  const token = currentSession()?.token;
  const reply = await fetch('/graphql', {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ query, variables }),
  });
  return await reply.json();
}
