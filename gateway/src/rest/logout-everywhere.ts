// REST: ending every session of the account that the access token belongs to.
import { LogoutEverywhereDocument } from '../generated/operations.ts';
import { NOTHING } from './intake.ts';
import { operation } from './operation.ts';
import { done, route } from './route.ts';

export const logoutEverywhere = route(
  {
    method: 'POST',
    path: '/logout/everywhere',
    operationId: 'logoutEverywhere',
    summary: 'Ends every session of the account; access tokens that are out stay good until they expire',
    tag: 'Accounts',
    secured: true,
    takes: NOTHING,
    replies: { 204: { description: 'None of the refresh tokens that were issued works any more' } },
    problems: [],
  },
  {
    operation: operation(LogoutEverywhereDocument),
    variables: () => ({}),
    answer: () => done(204, undefined),
  },
);
