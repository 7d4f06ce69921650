// For tests: the users subgraph in memory.
import type { RequestContext } from '@holdfast/platform/graphql/server';
import { z } from 'zod';
import { NOW, USER_ID } from './stub-data.ts';
import type { Resolvers } from './stub-system.ts';

export function userResolvers(): Resolvers {
  const user = {
    __typename: 'User',
    id: USER_ID,
    username: 'ada',
    email: 'ada@example.com',
    emailVerified: false,
    role: 'CUSTOMER',
    state: 'ACTIVE',
    version: 1,
    createdAt: NOW,
    updatedAt: NOW,
  };
  const refused = {
    __typename: 'InvalidCredentials',
    code: 'INVALID_CREDENTIALS',
    message: 'Wrong credentials.',
  };
  const session = {
    __typename: 'Session',
    accessToken: 'a.b.c',
    tokenType: 'Bearer',
    expiresIn: 900,
    refreshToken: 'r',
    user,
  };
  const password = z.looseObject({ input: z.looseObject({ username: z.string(), password: z.string() }) });
  const change = z.strictObject({
    input: z.strictObject({
      currentPassword: z.string(),
      newPassword: z.string(),
      refreshToken: z.string().nullable(),
    }),
  });
  const weak = {
    __typename: 'InvalidInput',
    code: 'INVALID_INPUT',
    message: 'Please mend: newPassword.',
    errors: [{ field: 'newPassword', message: 'expected another one' }],
  };
  return {
    Query: {
      me: (_: unknown, __: unknown, { viewer }: RequestContext) =>
        viewer.kind === 'anonymous' ? null : user,
    },
    Mutation: {
      register: (_: unknown, args: unknown) =>
        password.parse(args).input.username === 'taken'
          ? { __typename: 'UsernameTaken', code: 'USERNAME_TAKEN', message: 'Taken.' }
          : user,
      login: (_: unknown, args: unknown) =>
        password.parse(args).input.password === 'right' ? session : refused,
      refreshSession: (_: unknown, args: unknown) =>
        z.looseObject({ refreshToken: z.string() }).parse(args).refreshToken === 'r' ? session : refused,
      logout: () => true,
      logoutEverywhere: () => true,
      changePassword: (_: unknown, args: unknown) => {
        const { currentPassword, newPassword } = change.parse(args).input;
        if (newPassword === 'weak') return weak;
        return currentPassword === 'right' ? { __typename: 'PasswordChanged', user } : refused;
      },
    },
  };
}
