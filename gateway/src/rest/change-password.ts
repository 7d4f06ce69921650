// REST: changing the password, decided by the current one.

import { allHandled } from '@holdfast/platform/validation';
import { z } from 'zod';
import {
  ChangePasswordDocument,
  type ChangePasswordInput,
  type ChangePasswordMutation,
} from '../generated/operations.ts';
import { currentPassword, newPassword, secret } from './account-schemas.ts';
import { invalidInput } from './faults.ts';
import { bodyOf } from './intake.ts';
import { operation, present } from './operation.ts';
import { type Problem, problem } from './problem.ts';
import { type Done, done, route } from './route.ts';

const passwordChange = {
  name: 'PasswordChange',
  schema: z.strictObject({
    current_password: currentPassword,
    new_password: newPassword,
    refresh_token: secret('the unused refresh token of the session to keep; all others end').optional(),
  }),
};

function graphqlInput(body: z.infer<typeof passwordChange.schema>): ChangePasswordInput {
  const { current_password: currentPassword, new_password: newPassword, refresh_token, ...rest } = body;
  allHandled(rest);
  return { currentPassword, newPassword, refreshToken: refresh_token ?? null };
}

function changed(data: ChangePasswordMutation): Done<204, undefined> | Problem {
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

export const changePassword = route(
  {
    method: 'PUT',
    path: '/profile/password',
    operationId: 'changePassword',
    summary: 'Changes the password and ends every session but the one whose refresh token is given',
    tag: 'Accounts',
    secured: true,
    takes: bodyOf(passwordChange),
    replies: { 204: { description: 'The new password counts from now on' } },
    problems: ['INVALID_CREDENTIALS'],
  },
  {
    operation: operation(ChangePasswordDocument),
    variables: ({ input }) => ({ input: graphqlInput(input) }),
    answer: changed,
  },
);
