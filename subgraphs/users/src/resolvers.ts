// The users subgraph's resolvers: they authorise and call one function of the domain.

import type { FieldsBeside } from '@holdfast/platform/fields';
import { parseId } from '@holdfast/platform/ids';
import { DateTimeScalar } from '@holdfast/platform/scalars';
import { maySee, requireStaff, requireUser, userOrNull } from '@holdfast/platform/viewer';
import type { Account } from './domain/accounts.ts';
import type { Resolvers, User } from './generated/graphql.ts';

export const resolvers = {
  DateTime: DateTimeScalar,

  Query: {
    me: async (_, __, { viewer, accounts }) => {
      const user = userOrNull(viewer);
      return user && accounts.load(user.id);
    },
    userByName: (_, { name }, { viewer, findAccount }) => {
      requireStaff(viewer);
      return findAccount(name);
    },
  },

  Mutation: {
    register: (_, { input }, { register, origin }) => register(input, origin),
    login: (_, { input }, { login, origin }) => login(input, origin),
    refreshSession: (_, { refreshToken, idempotencyKey }, { sessions, origin }) =>
      sessions.refresh(refreshToken, idempotencyKey, origin),
    logout: async (_, { refreshToken }, { sessions }) => {
      await sessions.logout(refreshToken);
      return true;
    },
    logoutEverywhere: async (_, __, { viewer, sessions }) => {
      await sessions.logoutEverywhere(requireUser(viewer).id);
      return true;
    },
    changePassword: (_, { input }, { viewer, origin, changePassword }) =>
      changePassword(requireUser(viewer).id, input, { viewer, origin }),
    requestPasswordReset: async (_, { email }, { emailSteps }) => {
      await emailSteps.requestPasswordReset(email);
      return true;
    },
    resetPassword: (_, { input }, { viewer, origin, emailSteps }) =>
      emailSteps.resetPassword(input, { viewer, origin }),
    requestEmailVerification: (_, __, { viewer, emailSteps }) =>
      emailSteps.requestEmailVerification(requireUser(viewer).id),
    verifyEmail: (_, { token }, { viewer, origin, emailSteps }) =>
      emailSteps.verifyEmail(token, { viewer, origin }),
    changeEmail: (_, { input }, { viewer, origin, emailSteps }) =>
      emailSteps.changeEmail(requireUser(viewer).id, input, origin),
    confirmLogin: (_, { token }, { confirmLogin, origin }) => confirmLogin(token, origin),
    changeRole: (_, change, { viewer, changeRole }) => changeRole(requireStaff(viewer).id, change),
  },

  User: {
    // A key is not a permission: whoever may not see an account learns not even whether there is one.
    __resolveReference: async (reference, { viewer, accounts }) => {
      const user = userOrNull(viewer);
      const id = parseId(reference.id);
      return user && id !== undefined && maySee(user, id) ? accounts.load(id) : null;
    },
    emailVerified: ({ emailVerifiedAt }) => emailVerifiedAt !== null,
    email: ({ id, email, isCaller }, _, { viewer }) => (isCaller || maySee(viewer, id) ? email : null),
  },
} satisfies Resolvers & { User: FieldsBeside<User, Account> };
