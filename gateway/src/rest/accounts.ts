// REST: accounts and sessions.
import {
  ACCOUNT_FIELDS,
  type Account,
  credentials,
  refreshToken,
  registration,
  representation,
  session,
  user,
} from './account-schemas.ts';
import { changePassword } from './change-password.ts';
import { invalidInput } from './faults.ts';
import { idempotencyKeyHeader, readIdempotencyKey } from './idempotency-key.ts';
import { logoutEverywhere } from './logout-everywhere.ts';
import { operation } from './operation.ts';
import { problem } from './problem.ts';
import {
  type Answer,
  type Call,
  done,
  headerOf,
  JSON_BODY,
  type Refusal,
  type Route,
  route,
} from './route.ts';

type RegisterResult =
  | ({ readonly __typename: 'User' } & Account)
  | Refusal<'UsernameTaken'>
  | Refusal<'EmailTaken'>
  | (Refusal<'InvalidInput'> & {
      readonly errors: readonly { readonly field: string; readonly message: string }[];
    });

function registered(result: RegisterResult): Answer {
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

interface Session {
  readonly __typename: 'Session';
  readonly accessToken: string;
  readonly tokenType: string;
  readonly expiresIn: number;
  readonly refreshToken: string;
}

type SessionResult = Session | Refusal<'InvalidCredentials'>;

const SESSION_FIELDS = `__typename
  ... on Session { accessToken tokenType expiresIn refreshToken }
  ... on InvalidCredentials { message }`;

/** RFC 6749, 5.1: what carries tokens is not to be kept by anybody on the way. */
const NO_STORE = { 'cache-control': 'no-store' };

function opened(result: SessionResult): Answer {
  if (result.__typename === 'InvalidCredentials') return problem('INVALID_CREDENTIALS', result.message);
  const { accessToken, tokenType, expiresIn, refreshToken } = result;
  return done(
    200,
    { token: accessToken, token_type: tokenType, expires_in: expiresIn, refresh_token: refreshToken },
    NO_STORE,
  );
}

interface RegisterInput {
  readonly username: string;
  readonly email: string;
  readonly password: string;
}

type LoginInput = Omit<RegisterInput, 'email'>;

interface RefreshBody {
  readonly refresh_token: string;
}

const register = route({
  method: 'POST',
  path: '/register',
  operationId: 'register',
  summary: 'Opens an account',
  tag: 'Accounts',
  secured: false,
  body: { schema: registration, mediaTypes: JSON_BODY },
  replies: { 201: { description: 'The account', content: { schema: user }, headers: ['Location'] } },
  problems: ['USERNAME_TAKEN', 'EMAIL_TAKEN'],
  operation: operation<{ readonly register: RegisterResult }, { readonly input: RegisterInput }>(`
    mutation Register($input: RegisterInput!) {
      register(input: $input) {
        __typename
        ... on User { ${ACCOUNT_FIELDS} }
        ... on UsernameTaken { message }
        ... on EmailTaken { message }
        ... on InvalidInput { message errors { field message } }
      }
    }`),
  variables: ({ body }: { readonly body: RegisterInput }) => ({ input: body }),
  answer: (data) => registered(data.register),
});

const login = route({
  method: 'POST',
  path: '/login',
  operationId: 'login',
  summary: 'Opens a session',
  tag: 'Accounts',
  secured: false,
  body: { schema: credentials, mediaTypes: JSON_BODY },
  replies: { 200: { description: 'The session', content: { schema: session } } },
  problems: ['INVALID_CREDENTIALS'],
  operation: operation<{ readonly login: SessionResult }, { readonly input: LoginInput }>(
    `mutation Login($input: LoginInput!) { login(input: $input) { ${SESSION_FIELDS} } }`,
  ),
  variables: ({ body }: { readonly body: LoginInput }) => ({ input: body }),
  answer: (data) => opened(data.login),
});

const refresh = route({
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
  body: { schema: refreshToken, mediaTypes: JSON_BODY },
  replies: { 200: { description: 'The new session', content: { schema: session } } },
  problems: ['INVALID_CREDENTIALS'],
  operation: operation<
    { readonly refreshSession: SessionResult },
    { readonly refreshToken: string; readonly idempotencyKey: string | undefined }
  >(
    `mutation RefreshSession($refreshToken: String!, $idempotencyKey: String) {
      refreshSession(refreshToken: $refreshToken, idempotencyKey: $idempotencyKey) { ${SESSION_FIELDS} }
    }`,
  ),
  variables: ({ body, request }: Call<unknown, RefreshBody>) => ({
    refreshToken: body.refresh_token,
    idempotencyKey: readIdempotencyKey(headerOf(request, 'idempotency-key')),
  }),
  answer: (data) => opened(data.refreshSession),
});

const logout = route({
  method: 'POST',
  path: '/logout',
  operationId: 'logout',
  summary: 'Ends the session that the refresh token belongs to; good also when there was none',
  tag: 'Accounts',
  secured: false,
  body: { schema: refreshToken, mediaTypes: JSON_BODY },
  replies: { 204: { description: 'There is no such session any more' } },
  problems: [],
  operation: operation<{ readonly logout: boolean }, { readonly refreshToken: string }>(
    'mutation Logout($refreshToken: String!) { logout(refreshToken: $refreshToken) }',
  ),
  variables: ({ body }: { readonly body: RefreshBody }) => ({ refreshToken: body.refresh_token }),
  answer: () => done(204),
});

const profile = route({
  method: 'GET',
  path: '/profile',
  operationId: 'getProfile',
  summary: 'The account that the access token belongs to',
  tag: 'Accounts',
  secured: true,
  replies: { 200: { description: 'The account', content: { schema: user } } },
  problems: [],
  operation: operation<{ readonly me: Account | null }, Record<string, never>>(
    `query Profile { me { ${ACCOUNT_FIELDS} } }`,
  ),
  variables: () => ({}),
  answer: ({ me }) =>
    me === null
      ? problem('UNAUTHENTICATED', 'The access token belongs to no account.')
      : done(200, representation(me), NO_STORE),
});

export const accountRoutes: readonly Route[] = [
  register,
  login,
  refresh,
  logout,
  logoutEverywhere,
  profile,
  changePassword,
];
