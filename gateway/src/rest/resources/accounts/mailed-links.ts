// REST: what is done by mailed links.
import { allHandled } from '@holdfast/platform/validation';
import type { z } from 'zod';
import {
  ChangeEmailDocument,
  type ChangeEmailMutation,
  ConfirmLoginDocument,
  RequestEmailVerificationDocument,
  RequestPasswordResetDocument,
  ResetPasswordDocument,
  type ResetPasswordMutation,
  VerifyEmailDocument,
  type VerifyEmailMutation,
} from '../../../generated/operations.ts';
import { invalidInput } from '../../errors.ts';
import { operation, present } from '../../operation.ts';
import { type Problem, problem } from '../../problem.ts';
import { ANYONE, BEARER, type Done, done, json, type Route, route } from '../../route.ts';
import { answerSession, NO_STORE } from './accounts.ts';
import {
  emailChange,
  emailChangeRequested,
  forgottenPassword,
  linkToken,
  passwordReset,
  representation,
  session,
  user,
  verificationRequested,
} from './schemas.ts';

const forgotPassword = route(
  {
    method: 'POST',
    url: '/password/forgot',
    schema: {
      operationId: 'requestPasswordReset',
      summary: 'Mails a link that gives the account another password; says nothing of whether there is one',
      description:
        'The reply is the same whether an account has the address or not. The link works once, for an hour; a newer one ends it.',
      tags: ['Mailed links'],
      security: ANYONE,
      body: forgottenPassword,
      response: { 202: { description: 'If an account has the address, a mail is on its way to it' } },
    },
    problems: [],
  },
  {
    operation: operation(RequestPasswordResetDocument),
    variables: ({ body: { email, ...rest } }) => {
      allHandled(rest);
      return { email };
    },
    answer: (data) => {
      present(data.requestPasswordReset);
      return done(202, undefined);
    },
  },
);

function answerPasswordReset(data: ResetPasswordMutation): Done<204, undefined> | Problem {
  const result = present(data.resetPassword);
  switch (result.__typename) {
    case 'InvalidCredentials':
      return problem('INVALID_CREDENTIALS', result.message);
    case 'InvalidInput':
      return invalidInput(result.errors);
    case 'PasswordChanged':
      return done(204, undefined);
  }
}

const resetPassword = route(
  {
    method: 'POST',
    url: '/password/reset',
    schema: {
      operationId: 'resetPassword',
      summary: 'Gives the account of a mailed token another password, and ends its sessions',
      description:
        'The token is the one in the link of `POST /password/forgot`. The address counts as verified from then on.',
      tags: ['Mailed links'],
      security: ANYONE,
      body: passwordReset,
      response: { 204: { description: 'The new password counts from now on' } },
    },
    problems: ['INVALID_CREDENTIALS'],
  },
  {
    operation: operation(ResetPasswordDocument),
    variables: ({ body: { token, new_password: newPassword, ...rest } }) => {
      allHandled(rest);
      return { input: { token, newPassword } };
    },
    answer: answerPasswordReset,
  },
);

const requestVerification = route(
  {
    method: 'POST',
    url: '/email/verify/request',
    schema: {
      operationId: 'requestEmailVerification',
      summary: 'Mails a link that verifies the address of the account',
      description: 'Goes to the address of the account. The link works once, for a day; a newer one ends it.',
      tags: ['Mailed links'],
      security: BEARER,
      response: { 202: json('Whether a mail is on its way', verificationRequested) },
    },
    problems: [],
  },
  {
    operation: operation(RequestEmailVerificationDocument),
    variables: () => ({}),
    answer: (data) => done(202, { is_on_its_way: present(data.requestEmailVerification) }),
  },
);

function answerVerified(data: VerifyEmailMutation): Done<200, z.infer<typeof user>> | Problem {
  const result = present(data.verifyEmail);
  switch (result.__typename) {
    case 'InvalidCredentials':
      return problem('INVALID_CREDENTIALS', result.message);
    case 'EmailTaken':
      return problem('EMAIL_TAKEN', result.message);
    case 'EmailVerified':
      return done(200, representation(result.user), NO_STORE);
  }
}

const verifyEmail = route(
  {
    method: 'POST',
    url: '/email/verify',
    schema: {
      operationId: 'verifyEmail',
      summary:
        "Verifies the address that a token was mailed to; of a change of address, makes it the account's",
      description:
        'The token is the one in the mailed link. It needs no access token, because the link may be opened on another device.',
      tags: ['Mailed links'],
      security: ANYONE,
      body: linkToken,
      response: { 200: json('The account', user) },
    },
    problems: ['INVALID_CREDENTIALS', 'EMAIL_TAKEN'],
  },
  {
    operation: operation(VerifyEmailDocument),
    variables: ({ body: { token, ...rest } }) => {
      allHandled(rest);
      return { token };
    },
    answer: answerVerified,
  },
);

function changeRequested(
  data: ChangeEmailMutation,
): Done<202, z.infer<typeof emailChangeRequested>> | Problem {
  const result = present(data.changeEmail);
  switch (result.__typename) {
    case 'InvalidCredentials':
      return problem('INVALID_CREDENTIALS', result.message);
    case 'InvalidInput':
      return invalidInput(result.errors);
    case 'EmailChangeRequested':
      return done(202, { new_email: result.newEmail });
  }
}

const changeEmail = route(
  {
    method: 'PUT',
    url: '/profile/email',
    schema: {
      operationId: 'changeEmail',
      summary: "Mails a link to another address that makes it the account's",
      description:
        'The address changes when the link is opened (`POST /email/verify`). The address before is told by mail.',
      tags: ['Mailed links'],
      security: BEARER,
      body: emailChange,
      response: { 202: json('Where the mail goes', emailChangeRequested) },
    },
    problems: ['INVALID_CREDENTIALS'],
  },
  {
    operation: operation(ChangeEmailDocument),
    variables: ({ body: { new_email: newEmail, current_password: currentPassword, ...rest } }) => {
      allHandled(rest);
      return { input: { newEmail, currentPassword } };
    },
    answer: changeRequested,
  },
);

const confirmLogin = route(
  {
    method: 'POST',
    url: '/login/confirm',
    schema: {
      operationId: 'confirmLogin',
      summary: 'Opens a session with the token of a mailed login link',
      description:
        'Such a link is mailed when the right password came while failed tries of strangers held up the account. It works once, for 15 minutes.',
      tags: ['Mailed links'],
      security: ANYONE,
      body: linkToken,
      response: { 200: json('The session', session) },
    },
    problems: ['INVALID_CREDENTIALS', 'ACCOUNT_DISABLED'],
  },
  {
    operation: operation(ConfirmLoginDocument),
    variables: ({ body: { token, ...rest } }) => {
      allHandled(rest);
      return { token };
    },
    answer: (data) => answerSession(present(data.confirmLogin)),
  },
);

export const mailedLinkRoutes: readonly Route[] = [
  forgotPassword,
  resetPassword,
  requestVerification,
  verifyEmail,
  changeEmail,
  confirmLogin,
];
