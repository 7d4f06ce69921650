// REST: how staff look after accounts. A change of an account is a compare-and-swap on its version.
import { allHandled } from '@holdfast/platform/validation';
import { z } from 'zod';
import {
  type AccountFragment,
  ChangeRoleDocument,
  DisableAccountDocument,
  EnableAccountDocument,
  EndSessionsDocument,
  GetUserDocument,
  type InvalidFieldsFragment,
  ListAuditEventsDocument,
  ListUsersDocument,
  UserVersionDocument,
} from '../../../generated/operations.ts';
import { entityTag, hasCurrent } from '../../entity-tag.ts';
import { invalidInput } from '../../errors.ts';
import { type Conflict, conflict, guardedRoute } from '../../guarded-route.ts';
import { PATH_ID } from '../../ids.ts';
import { nextPageLink } from '../../link.ts';
import { operation, present } from '../../operation.ts';
import { type Problem, problem } from '../../problem.ts';
import { BEARER, type Done, done, headerOf, json, notFound, type Route, route } from '../../route.ts';
import { IF_NONE_MATCH, REQUIRED_CONDITIONS } from '../../schema.ts';
import {
  auditEvent,
  auditParameters,
  auditRepresentation,
  roleChange,
  staffAction,
  toUserBody,
  user,
  userListParameters,
} from './schemas.ts';

/** For staff only: no cache keeps it, not even a browser's. */
const PRIVATE_CACHE = { 'cache-control': 'no-store' };
const headersOfAccount = ({ version }: AccountFragment) => ({ etag: entityTag(version), ...PRIVATE_CACHE });
const userNotFound = (id: string): Problem => notFound('USER_NOT_FOUND', id);

const list = route(
  {
    method: 'GET',
    url: '/users',
    schema: {
      operationId: 'listUsers',
      summary: 'For staff: lists the accounts by username, in pages',
      description: '`name_prefix`, `role` and `state` filter the list. `Link` leads to the next page.',
      tags: ['Administration'],
      security: BEARER,
      querystring: userListParameters,
      response: { 200: json('The page', user.array(), ['Link']) },
    },
    problems: ['FORBIDDEN'],
  },
  {
    operation: operation(ListUsersDocument),
    variables: ({
      query: { limit: first, cursor: after, name_prefix: namePrefix, role, state, ...rest },
    }) => {
      allHandled(rest);
      return { first, after, filter: { namePrefix, role, state } };
    },
    answer: ({ users }, { request }) => {
      const { edges, pageInfo } = present(users);
      const accounts = edges.map(({ node }) => toUserBody(node));
      return done(200, accounts, { ...PRIVATE_CACHE, ...nextPageLink('/users', request.query, pageInfo) });
    },
  },
);

const get = route(
  {
    method: 'GET',
    url: '/users/:id',
    schema: {
      operationId: 'getUser',
      summary: 'For staff: shows one account',
      description: 'The `ETag` is the version that a change of the account requires in `If-Match`.',
      tags: ['Administration'],
      security: BEARER,
      params: PATH_ID,
      headers: z.object({ 'If-None-Match': IF_NONE_MATCH }),
      response: {
        200: json('The account', user, ['ETag']),
        304: { description: 'The client has the current version of the account', headers: ['ETag'] },
      },
    },
    problems: ['FORBIDDEN', 'USER_NOT_FOUND'],
  },
  {
    operation: operation(GetUserDocument),
    variables: ({ id }) => ({ id }),
    answer: (data, { id, request }) => {
      if (data.user === null) return userNotFound(id);
      const headers = headersOfAccount(data.user);
      if (hasCurrent(headerOf(request, 'if-none-match'), data.user.version))
        return done(304, undefined, headers);
      return done(200, toUserBody(data.user), headers);
    },
  },
);

/** What the schemas of all changes of an account have. */
const CHANGE = {
  tags: ['Administration'],
  security: BEARER,
  params: PATH_ID,
  headers: REQUIRED_CONDITIONS,
  response: { 200: json('The account as it is now', user, ['ETag']) },
} as const;
const CHANGE_PROBLEMS = [
  'FORBIDDEN',
  'USER_NOT_FOUND',
  'VERSION_CONFLICT',
  'PRECONDITION_FAILED',
  'PRECONDITION_REQUIRED',
] as const;

type Changed =
  | ({ readonly __typename: 'User' } & AccountFragment)
  | { readonly __typename: 'UserVersionConflict'; readonly currentVersion: number }
  | { readonly __typename: 'UserNotFound' }
  | { readonly __typename: 'LastStaff' | 'OwnAccount'; readonly message: string }
  | {
      readonly __typename: 'InvalidInput';
      readonly errors: InvalidFieldsFragment['errors'];
    };

function answerAccountChanged(
  result: Changed,
  id: string,
): Done<200, z.infer<typeof user>> | Problem | Conflict {
  switch (result.__typename) {
    case 'UserVersionConflict':
      return conflict(result.currentVersion);
    case 'UserNotFound':
      return userNotFound(id);
    case 'LastStaff':
      return problem('LAST_STAFF', result.message);
    case 'OwnAccount':
      return problem('OWN_ACCOUNT', result.message);
    case 'InvalidInput':
      return invalidInput(result.errors);
    case 'User': {
      const { __typename, ...account } = result;
      return done(200, toUserBody(account), headersOfAccount(account));
    }
  }
}

const currentUser = operation(UserVersionDocument);

const changeRole = guardedRoute(
  {
    method: 'PUT',
    url: '/users/:id/role',
    schema: {
      operationId: 'changeRole',
      summary: 'For staff: changes the role of an account, if it is still at the version in `If-Match`',
      description:
        'The last staff account that can log in keeps its role (409 `LAST_STAFF`). When an account loses the role STAFF, its sessions end.',
      ...CHANGE,
      body: roleChange,
    },
    problems: ['LAST_STAFF', ...CHANGE_PROBLEMS],
  },
  {
    condition: 'required',
    current: currentUser,
    operation: operation(ChangeRoleDocument),
    variables: ({ id, body: { role, ...rest } }, expectedVersion) => {
      allHandled(rest);
      return { id, expectedVersion, role };
    },
    answer: (data, { id }) => answerAccountChanged(present(data.changeRole), id),
    notFound: userNotFound,
  },
);

const disable = guardedRoute(
  {
    method: 'POST',
    url: '/users/:id/disable',
    schema: {
      operationId: 'disableAccount',
      summary:
        'For staff: disables an account and ends its sessions, if it is still at the version in `If-Match`',
      description:
        'A disabled account can neither log in nor refresh. The reason goes into the audit trail. Staff cannot disable their own account (409 `OWN_ACCOUNT`).',
      ...CHANGE,
      body: staffAction,
    },
    problems: ['OWN_ACCOUNT', ...CHANGE_PROBLEMS],
  },
  {
    condition: 'required',
    current: currentUser,
    operation: operation(DisableAccountDocument),
    variables: ({ id, body: { reason, ...rest } }, expectedVersion) => {
      allHandled(rest);
      return { id, expectedVersion, reason };
    },
    answer: (data, { id }) => answerAccountChanged(present(data.disableAccount), id),
    notFound: userNotFound,
  },
);

const enable = guardedRoute(
  {
    method: 'POST',
    url: '/users/:id/enable',
    schema: {
      operationId: 'enableAccount',
      summary: 'For staff: lets an account log in again, if it is still at the version in `If-Match`',
      description: 'Sessions that were ended stay ended. The reason goes into the audit trail.',
      ...CHANGE,
      body: staffAction,
    },
    problems: [...CHANGE_PROBLEMS],
  },
  {
    condition: 'required',
    current: currentUser,
    operation: operation(EnableAccountDocument),
    variables: ({ id, body: { reason, ...rest } }, expectedVersion) => {
      allHandled(rest);
      return { id, expectedVersion, reason };
    },
    answer: (data, { id }) => answerAccountChanged(present(data.enableAccount), id),
    notFound: userNotFound,
  },
);

const endSessions = route(
  {
    method: 'POST',
    url: '/users/:id/end-sessions',
    schema: {
      operationId: 'endSessions',
      summary: 'For staff: ends every session of an account and, within seconds, every access token',
      description: 'The account can log in again at once. The reason goes into the audit trail.',
      tags: ['Administration'],
      security: BEARER,
      params: PATH_ID,
      body: staffAction,
      response: { 204: { description: 'No token of the account works any more' } },
    },
    problems: ['FORBIDDEN', 'USER_NOT_FOUND'],
  },
  {
    operation: operation(EndSessionsDocument),
    variables: ({ id, body: { reason, ...rest } }) => {
      allHandled(rest);
      return { id, reason };
    },
    answer: (data, { id }) => {
      const result = present(data.endSessions);
      switch (result.__typename) {
        case 'UserNotFound':
          return userNotFound(id);
        case 'InvalidInput':
          return invalidInput(result.errors);
        case 'User':
          return done(204, undefined);
      }
    },
  },
);

const listAuditEvents = route(
  {
    method: 'GET',
    url: '/audit-events',
    schema: {
      operationId: 'listAuditEvents',
      summary: 'For staff: lists the actions on accounts, newest first, in pages',
      description:
        'Changes of roles, disabled and enabled accounts, and ended sessions, each with the actor, the reason and the address. Entries never change.',
      tags: ['Administration'],
      security: BEARER,
      querystring: auditParameters,
      response: { 200: json('The page', auditEvent.array(), ['Link']) },
    },
    problems: ['FORBIDDEN'],
  },
  {
    operation: operation(ListAuditEventsDocument),
    variables: ({ query: { limit: first, cursor: after, subject_id: subject, ...rest } }) => {
      allHandled(rest);
      return { first, after, subject };
    },
    answer: ({ auditEvents }, { request }) => {
      const { edges, pageInfo } = present(auditEvents);
      const events = edges.map(({ node }) => auditRepresentation(node));
      return done(200, events, {
        ...PRIVATE_CACHE,
        ...nextPageLink('/audit-events', request.query, pageInfo),
      });
    },
  },
);

export const administrationRoutes: readonly Route[] = [
  list,
  get,
  changeRole,
  disable,
  enable,
  endSessions,
  listAuditEvents,
];
