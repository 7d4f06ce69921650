// REST: accounts and sessions.
import { allHandled } from '@holdfast/platform/validation';
import { z } from 'zod';
import {
  ChangePasswordDocument,
  type ChangePasswordInput,
  type ChangePasswordMutation,
  LoginDocument,
  LogoutDocument,
  LogoutEverywhereDocument,
  type OpenedSessionFragment,
  ProfileDocument,
  RefreshSessionDocument,
  RegisterDocument,
  type RegisterMutation,
} from '../../../generated/operations.ts';
import { invalidInput } from '../../errors.ts';
import { idempotencyKeyHeader, readIdempotencyKey } from '../../idempotency-key.ts';
import { operation, present } from '../../operation.ts';
import { type Problem, problem } from '../../problem.ts';
import { ANYONE, BEARER, type Done, done, headerOf, json, type Route, route } from '../../route.ts';
import {
  credentials,
  passwordChange,
  refreshToken,
  registration,
  session,
  toUserBody,
  user,
} from './schemas.ts';

/** RFC 6749, 5.1: no cache keeps a reply that carries tokens. */
export const NO_STORE = { 'cache-control': 'no-store' };

function answerRegistered(data: RegisterMutation): Done<201, z.infer<typeof user>> | Problem {
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
      return done(201, toUserBody(account), { location: '/profile', ...NO_STORE });
    }
  }
}

export function answerSession(result: OpenedSessionFragment): Done<200, z.infer<typeof session>> | Problem {
  switch (result.__typename) {
    case 'InvalidCredentials':
      return problem('INVALID_CREDENTIALS', result.message);
    case 'AccountDisabled':
      return problem('ACCOUNT_DISABLED', result.message);
    case 'LoginLimited':
      return problem('LOGIN_LIMITED', result.message, {}, { 'retry-after': String(result.retryAfter) });
    case 'Session': {
      const { __typename, accessToken: token, expiresIn, refreshToken, deviceToken, ...rest } = result;
      allHandled(rest);
      const body = {
        token,
        expires_in: expiresIn,
        refresh_token: refreshToken,
        ...(deviceToken !== null && { device_token: deviceToken }),
      };
      return done(200, { ...body, token_type: 'Bearer' }, NO_STORE);
    }
  }
}

const register = route(
  {
    method: 'POST',
    url: '/register',
    schema: {
      operationId: 'register',
      summary: 'Opens an account',
      description:
        "Usernames and addresses are compared without case. The account is a customer's, and is signed in by `POST /login`. Where the shop sends mail, a link that verifies the address is on its way.",
      tags: ['Accounts'],
      security: ANYONE,
      body: registration,
      response: { 201: json('The account', user, ['Location']) },
    },
    problems: ['USERNAME_TAKEN', 'EMAIL_TAKEN'],
  },
  {
    operation: operation(RegisterDocument),
    variables: ({ body: { username, email, password, ...rest } }) => {
      allHandled(rest);
      return { input: { username, email, password } };
    },
    answer: answerRegistered,
  },
);

const login = route(
  {
    method: 'POST',
    url: '/login',
    schema: {
      operationId: 'login',
      summary: 'Opens a session',
      description:
        'The reply has an access token for `Authorization: Bearer`, good for 15 minutes, and a refresh token for `POST /token/refresh`. Keep the `device_token` and send it with the next login: then failed tries of strangers do not hold up yours.',
      tags: ['Accounts'],
      security: ANYONE,
      body: credentials,
      response: { 200: json('The session', session) },
    },
    problems: ['INVALID_CREDENTIALS', 'ACCOUNT_DISABLED', 'LOGIN_LIMITED'],
  },
  {
    operation: operation(LoginDocument),
    variables: ({ body: { username, password, device_token: deviceToken, ...rest } }) => {
      allHandled(rest);
      return { input: { username, password, deviceToken: deviceToken ?? null } };
    },
    answer: (data) => answerSession(present(data.login)),
  },
);

const refresh = route(
  {
    method: 'POST',
    url: '/token/refresh',
    schema: {
      operationId: 'refreshSession',
      summary: 'Exchanges a refresh token for a new session',
      description:
        'A refresh token works once, within 30 days. Send an `Idempotency-Key`, so that a call whose reply was lost can be repeated. A token that is used again after its successor was used ends the session, because one of the two callers must have stolen it.',
      tags: ['Accounts'],
      security: ANYONE,
      headers: z.object({
        'Idempotency-Key': idempotencyKeyHeader(
          'The same token with the same key gives the same next refresh token, until that token is used. Without a key, a token that is used again after 10 seconds ends its session.',
        ),
      }),
      body: refreshToken,
      response: { 200: json('The new session', session) },
    },
    problems: ['INVALID_CREDENTIALS'],
  },
  {
    operation: operation(RefreshSessionDocument),
    variables: ({ body: { refresh_token: refreshToken, ...rest }, request }) => {
      allHandled(rest);
      return {
        refreshToken,
        idempotencyKey: readIdempotencyKey(headerOf(request, 'idempotency-key')),
      };
    },
    answer: (data) => answerSession(present(data.refreshSession)),
  },
);

const logout = route(
  {
    method: 'POST',
    url: '/logout',
    schema: {
      operationId: 'logout',
      summary: 'Ends the session of the refresh token; succeeds also when there is no such session',
      description:
        'The access token of the session works until it expires, at most 15 minutes after it was issued.',
      tags: ['Accounts'],
      security: ANYONE,
      body: refreshToken,
      response: { 204: { description: 'The session does not exist any more' } },
    },
    problems: [],
  },
  {
    operation: operation(LogoutDocument),
    variables: ({ body: { refresh_token: refreshToken, ...rest } }) => {
      allHandled(rest);
      return { refreshToken };
    },
    answer: () => done(204, undefined),
  },
);

const profile = route(
  {
    method: 'GET',
    url: '/profile',
    schema: {
      operationId: 'getProfile',
      summary: 'Shows the account of the access token',
      description: 'The reply shows the role of the account, and whether its address is verified.',
      tags: ['Accounts'],
      security: BEARER,
      response: { 200: json('The account', user) },
    },
    problems: [],
  },
  {
    operation: operation(ProfileDocument),
    variables: () => ({}),
    answer: ({ me }) =>
      me === null
        ? problem('UNAUTHENTICATED', 'The access token belongs to no account.')
        : done(200, toUserBody(me), NO_STORE),
  },
);

const logoutEverywhere = route(
  {
    method: 'POST',
    url: '/logout/everywhere',
    schema: {
      operationId: 'logoutEverywhere',
      summary: 'Ends every session of the account and, within seconds, every access token',
      description:
        "All devices have to log in again. Every service refuses the account's access tokens within 5 seconds, the one of this call too.",
      tags: ['Accounts'],
      security: BEARER,
      response: { 204: { description: 'No refresh token of the account works any more' } },
    },
    problems: [],
  },
  {
    operation: operation(LogoutEverywhereDocument),
    variables: () => ({}),
    answer: () => done(204, undefined),
  },
);

function toPasswordInput(body: z.infer<typeof passwordChange>): ChangePasswordInput {
  const { current_password: currentPassword, new_password: newPassword, refresh_token, ...rest } = body;
  allHandled(rest);
  return { currentPassword, newPassword, refreshToken: refresh_token ?? null };
}

function answerPasswordChanged(data: ChangePasswordMutation): Done<204, undefined> | Problem {
  const result = present(data.changePassword);
  switch (result.__typename) {
    case 'InvalidCredentials':
      return problem('INVALID_CREDENTIALS', result.message);
    case 'InvalidInput':
      return invalidInput(result.errors);
    case 'PasswordChanged':
      return done(204, undefined);
  }
}

const changePassword = route(
  {
    method: 'PUT',
    url: '/profile/password',
    schema: {
      operationId: 'changePassword',
      summary:
        'Changes the password, and ends all access tokens and all sessions except that of the given refresh token',
      description:
        'To stay signed in on this device, give its unused `refresh_token`, and refresh the session afterwards: all access tokens are refused within seconds. Of several concurrent changes, only one succeeds.',
      tags: ['Accounts'],
      security: BEARER,
      body: passwordChange,
      response: { 204: { description: 'The password was changed' } },
    },
    problems: ['INVALID_CREDENTIALS'],
  },
  {
    operation: operation(ChangePasswordDocument),
    variables: ({ body }) => ({ input: toPasswordInput(body) }),
    answer: answerPasswordChanged,
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
