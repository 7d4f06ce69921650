// The resolvers of the users subgraph: each authorises the viewer and calls one function of the domain.

import { maySee, requireStaff, requireUser, userOrNull } from '@holdfast/platform/auth/viewer';
import type { FieldsBeside } from '@holdfast/platform/graphql/fields';
import { DateTimeScalar } from '@holdfast/platform/graphql/scalars';
import { parseId } from '@holdfast/platform/ids';
import type { Context } from './context.ts';
import { accountState } from './domain/accounts.ts';
import type { ActingStaff } from './domain/administration.ts';
import type { Account, AuditEventRow } from './domain.ts';
import type { AuditEvent, Resolvers, User } from './generated/graphql.ts';

/** @throws {AppError} UNAUTHENTICATED or FORBIDDEN */
const requireActingStaff = ({ viewer, origin }: Context): ActingStaff => ({
  caller: requireStaff(viewer),
  origin,
});

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
    user: (_, { id: given }, { viewer, accounts }) => {
      requireStaff(viewer);
      const id = parseId(given);
      return id === undefined ? null : accounts.load(id);
    },
    users: (_, query, { viewer, listAccounts }) => {
      requireStaff(viewer);
      return listAccounts(query);
    },
    auditEvents: (_, query, { viewer, listAuditEvents }) => {
      requireStaff(viewer);
      return listAuditEvents(query);
    },
  },

  Mutation: {
    register: (_, { input }, { register, origin }) => register(input, origin),
    login: (_, { input }, { login, origin }) => login(input, origin),
    confirmLogin: (_, { token }, { confirmLogin, origin }) => confirmLogin(token, origin),
    refreshSession: (_, { refreshToken, idempotencyKey }, { refreshSession, origin }) =>
      refreshSession(refreshToken, idempotencyKey, origin),
    logout: (_, { refreshToken }, { logout }) => logout(refreshToken),
    logoutEverywhere: (_, __, { viewer, logoutEverywhere, origin }) =>
      logoutEverywhere(requireUser(viewer), origin),
    changePassword: (_, { input }, { viewer, origin, changePassword }) =>
      changePassword(input, requireUser(viewer).id, { viewer, origin }),
    requestPasswordReset: (_, { email }, { requestPasswordReset }) => requestPasswordReset(email),
    resetPassword: (_, { input }, { viewer, origin, resetPassword }) =>
      resetPassword(input, { viewer, origin }),
    requestEmailVerification: (_, __, { viewer, requestEmailVerification }) =>
      requestEmailVerification(requireUser(viewer).id),
    verifyEmail: (_, { token }, { viewer, origin, verifyEmail }) => verifyEmail(token, { viewer, origin }),
    changeEmail: (_, { input }, { viewer, origin, changeEmail }) =>
      changeEmail(input, requireUser(viewer).id, origin),
    changeRole: (_, change, context) => context.changeRole(change, requireActingStaff(context)),
    disableAccount: (_, change, context) => context.disableAccount(change, requireActingStaff(context)),
    enableAccount: (_, change, context) => context.enableAccount(change, requireActingStaff(context)),
    endSessions: (_, action, context) => context.endSessions(action, requireActingStaff(context)),
  },

  User: {
    // A caller who may not see an account must not learn whether it exists, even with a valid key.
    __resolveReference: async (reference, { viewer, accounts }) => {
      const user = userOrNull(viewer);
      const id = parseId(reference.id);
      return user && id !== undefined && maySee(user, id) ? accounts.load(id) : null;
    },
    state: accountState,
    emailVerified: ({ emailVerifiedAt }) => emailVerifiedAt !== null,
    email: ({ id, email, isCaller }, _, { viewer }) => (isCaller || maySee(viewer, id) ? email : null),
  },

  AuditEvent: {
    at: ({ createdAt }) => createdAt,
    actor: ({ actorId }, _, { accounts }) => (actorId === null ? null : accounts.load(actorId)),
    subject: ({ subjectId }, _, { accounts }) => accounts.load(subjectId),
  },
} satisfies Resolvers & {
  User: FieldsBeside<User, Account>;
  AuditEvent: FieldsBeside<AuditEvent, AuditEventRow>;
};
