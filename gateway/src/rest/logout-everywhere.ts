// REST: ending every session of the account, by whoever is signed in.
import { operation } from './operation.ts';
import { done, route } from './route.ts';

export const logoutEverywhere = route({
  method: 'POST',
  path: '/logout/everywhere',
  operationId: 'logoutEverywhere',
  summary: 'Ends every session of the account; access tokens that are out stay good until they expire',
  tag: 'Accounts',
  secured: true,
  replies: { 204: { description: 'None of the refresh tokens that were issued works any more' } },
  problems: [],
  operation: operation<{ readonly logoutEverywhere: boolean }, Record<string, never>>(
    'mutation LogoutEverywhere { logoutEverywhere }',
  ),
  variables: () => ({}),
  answer: () => done(204),
});
