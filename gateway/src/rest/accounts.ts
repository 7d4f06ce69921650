// REST: accounts and sessions.

import { allHandled } from '@holdfast/platform/validation';
import type { z } from 'zod';
import {
  LoginDocument,
  LogoutDocument,
  type OpenedSessionFragment,
  ProfileDocument,
  RefreshSessionDocument,
  RegisterDocument,
  type RegisterMutation,
} from '../generated/operations.ts';
import { credentials, refreshToken, registration, representation, session, user } from './account-schemas.ts';
import { changePassword } from './change-password.ts';
import { invalidInput } from './faults.ts';
import { idempotencyKeyHeader, readIdempotencyKey } from './idempotency-key.ts';
import { bodyOf, NOTHING } from './intake.ts';
import { logoutEverywhere } from './logout-everywhere.ts';
import { operation, present } from './operation.ts';
import { type Problem, problem } from './problem.ts';
import { type Done, done, headerOf, type Route, route } from './route.ts';

/** RFC 6749, 5.1: no cache keeps a reply that carries tokens. */
const NO_STORE = { 'cache-control': 'no-store' };

function registered(data: RegisterMutation): Done<201, z.infer<typeof user.schema>> | Problem {
  const result = present(data.register);
  switch (result.__typename) {
    case 'UsernameTaken':
      return problem('USERNAME_TAKEN', result.message);
    case 'EmailTaken':
      return problem('EMAIL_TAKEN', result.message);
    case 'InvalidInput':
      return invalidInput(result.errors);
    case 'User': {
      const { __typename, ...account } = result;
      return done(201, representation(account), { location: '/profile', ...NO_STORE });
    }
  }
}

function opened(result: OpenedSessionFragment): Done<200, z.infer<typeof session.schema>> | Problem {
  switch (result.__typename) {
    case 'InvalidCredentials':
      return problem('INVALID_CREDENTIALS', result.message);
    case 'Session': {
      const { __typename, accessToken: token, expiresIn, refreshToken, ...rest } = result;
      allHandled(rest);
      const body = { token, expires_in: expiresIn, refresh_token: refreshToken };
      return done(200, { ...body, token_type: 'Bearer' }, NO_STORE);
    }
  }
}

const register = route(
  {
    method: 'POST',
    path: '/register',
    operationId: 'register',
    summary: 'Opens an account',
    tag: 'Accounts',
    secured: false,
    takes: bodyOf(registration),
    replies: { 201: { description: 'The account', content: { schema: user }, headers: ['Location'] } },
    problems: ['USERNAME_TAKEN', 'EMAIL_TAKEN'],
  },
  {
    operation: operation(RegisterDocument),
    variables: ({ input: { username, email, password, ...rest } }) => {
      allHandled(rest);
      return { input: { username, email, password } };
    },
    answer: registered,
  },
);

const login = route(
  {
    method: 'POST',
    path: '/login',
    operationId: 'login',
    summary: 'Opens a session',
    tag: 'Accounts',
    secured: false,
    takes: bodyOf(credentials),
    replies: { 200: { description: 'The session', content: { schema: session } } },
    problems: ['INVALID_CREDENTIALS'],
  },
  {
    operation: operation(LoginDocument),
    variables: ({ input: { username, password, ...rest } }) => {
      allHandled(rest);
      return { input: { username, password } };
    },
    answer: (data) => opened(present(data.login)),
  },
);

const refresh = route(
  {
    method: 'POST',
    path: '/token/refresh',
    operationId: 'refreshSession',
    summary: 'Exchanges a refresh token for a new session. Each token works once',
    tag: 'Accounts',
    secured: false,
    headers: [
      idempotencyKeyHeader(
        'The same token with the same key gives the same next refresh token, as long as that was not used; without a key, a token that is presented a second time ends its session.',
      ),
    ],
    takes: bodyOf(refreshToken),
    replies: { 200: { description: 'The new session', content: { schema: session } } },
    problems: ['INVALID_CREDENTIALS'],
  },
  {
    operation: operation(RefreshSessionDocument),
    variables: ({ input: { refresh_token: refreshToken, ...rest }, request }) => {
      allHandled(rest);
      return {
        refreshToken,
        idempotencyKey: readIdempotencyKey(headerOf(request, 'idempotency-key')),
      };
    },
    answer: (data) => opened(present(data.refreshSession)),
  },
);

const logout = route(
  {
    method: 'POST',
    path: '/logout',
    operationId: 'logout',
    summary: 'Ends the session that the refresh token belongs to; good also when there was none',
    tag: 'Accounts',
    secured: false,
    takes: bodyOf(refreshToken),
    replies: { 204: { description: 'There is no such session any more' } },
    problems: [],
  },
  {
    operation: operation(LogoutDocument),
    variables: ({ input: { refresh_token: refreshToken, ...rest } }) => {
      allHandled(rest);
      return { refreshToken };
    },
    answer: () => done(204, undefined),
  },
);

const profile = route(
  {
    method: 'GET',
    path: '/profile',
    operationId: 'getProfile',
    summary: 'The account that the access token belongs to',
    tag: 'Accounts',
    secured: true,
    takes: NOTHING,
    replies: { 200: { description: 'The account', content: { schema: user } } },
    problems: [],
  },
  {
    operation: operation(ProfileDocument),
    variables: () => ({}),
    answer: ({ me }) =>
      me === null
        ? problem('UNAUTHENTICATED', 'The access token belongs to no account.')
        : done(200, representation(me), NO_STORE),
  },
);

export const accountRoutes: readonly Route[] = [
  register,
  login,
  refresh,
  logout,
  logoutEverywhere,
  profile,
  changePassword,
];
