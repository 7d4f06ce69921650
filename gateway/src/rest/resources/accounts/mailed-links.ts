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
  session,
  toUserBody,
  user,
  verificationRequested,
} from './schemas.ts';

const forgotPassword = route(
  {
    method: 'POST',
    url: '/password/forgot',
    schema: {
      operationId: 'requestPasswordReset',
      summary: 'Mails a link that resets the password of an account',
      description:
        'The reply does not depend on whether an account has the address. The link works once, for one hour, and a newer link ends it.',
      tags: ['Mailed links'],
      security: ANYONE,
      body: forgottenPassword,
      response: { 202: { description: 'If an account has the address, a mail is sent to it' } },
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
      summary: 'Changes the password of the account of a mailed token, and ends its sessions',
      description:
        'The token is that of the link of `POST /password/forgot`. The call also verifies the address.',
      tags: ['Mailed links'],
      security: ANYONE,
      body: passwordReset,
      response: { 204: { description: 'The password was changed' } },
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
      description:
        'The mail goes to the address of the account. The link works once, for one day, and a newer link ends it.',
      tags: ['Mailed links'],
      security: BEARER,
      response: { 202: json('Whether a mail is sent', verificationRequested) },
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
      return done(200, toUserBody(result.user), NO_STORE);
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
        'The token is that of the mailed link. The call requires no access token, because the link may be opened on another device.',
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
      summary: 'Mails a link to a new address, which changes the address of the account',
      description:
        'The address changes when the link is used (`POST /email/verify`). A mail informs the previous address.',
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
        'Such a link is mailed after a login with the right password while failed logins from elsewhere block the account. It works once, for 15 minutes.',
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
