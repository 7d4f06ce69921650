// The users subgraph's resolvers: they authorise and call one function of the domain.

import { maySee, requireStaff, requireUser, userOrNull } from '@holdfast/platform/auth/viewer';
import type { FieldsBeside } from '@holdfast/platform/graphql/fields';
import { DateTimeScalar } from '@holdfast/platform/graphql/scalars';
import { parseId } from '@holdfast/platform/ids';
import type { Context } from './context.ts';
import { stateOf } from './data/account-pages.ts';
import type { AuditEventRow } from './data/audit-events.ts';
import type { Account } from './domain/accounts.ts';
import type { Acting } from './domain/administration.ts';
import type { AuditEvent, Resolvers, User } from './generated/graphql.ts';

/** @throws {AppError} UNAUTHENTICATED or FORBIDDEN */
const acting = ({ viewer, origin }: Context): Acting => ({ caller: requireStaff(viewer), origin });

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
    refreshSession: (_, { refreshToken, idempotencyKey }, { sessions, origin }) =>
      sessions.refresh(refreshToken, idempotencyKey, origin),
    logout: async (_, { refreshToken }, { sessions }) => {
      await sessions.logout(refreshToken);
      return true;
    },
    logoutEverywhere: async (_, __, { viewer, sessions, origin }) => {
      await sessions.logoutEverywhere(requireUser(viewer), origin);
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
    changeRole: (_, change, context) => context.administration.changeRole(acting(context), change),
    disableAccount: (_, change, context) => context.administration.disable(acting(context), change),
    enableAccount: (_, change, context) => context.administration.enable(acting(context), change),
    endSessions: (_, action, context) => context.administration.endSessions(acting(context), action),
  },

  User: {
    // A key is not a permission: whoever may not see an account learns not even whether there is one.
    __resolveReference: async (reference, { viewer, accounts }) => {
      const user = userOrNull(viewer);
      const id = parseId(reference.id);
      return user && id !== undefined && maySee(user, id) ? accounts.load(id) : null;
    },
    state: stateOf,
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
