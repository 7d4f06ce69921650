// REST: changing the password, decided by the current one.
import type { FieldError } from '@holdfast/platform/validation';
import { invalidInput } from './faults.ts';
import { operation } from './operation.ts';
import { problem } from './problem.ts';
import { type Answer, done, JSON_BODY, type Refusal, route } from './route.ts';
import { type NamedSchema, request } from './schema.ts';

const secret = { type: 'string', writeOnly: true } as const;
const password = { ...secret, format: 'password' } as const;

const passwordChange: NamedSchema = {
  name: 'PasswordChange',
  schema: request(
    {
      current_password: { ...password, description: 'the current password' },
      new_password: {
        ...password,
        description: '12 to 128 characters, not the username and none of the most common ones',
      },
      refresh_token: {
        ...secret,
        description: 'the unused refresh token of the session to keep; all others end',
      },
    },
    ['current_password', 'new_password'],
  ),
};

interface PasswordChangeBody {
  readonly current_password: string;
  readonly new_password: string;
  readonly refresh_token?: string;
}

interface ChangePasswordInput {
  readonly currentPassword: string;
  readonly newPassword: string;
  readonly refreshToken: string | null;
}

type ChangePasswordResult =
  | { readonly __typename: 'PasswordChanged' }
  | Refusal<'InvalidCredentials'>
  | (Refusal<'InvalidInput'> & { readonly errors: readonly FieldError[] });

function changed(result: ChangePasswordResult): Answer {
  switch (result.__typename) {
    case 'InvalidCredentials':
      return problem('INVALID_CREDENTIALS', result.message);
    case 'InvalidInput':
      return invalidInput(result.errors);
    case 'PasswordChanged':
      return done(204);
  }
}

export const changePassword = route({
  method: 'PUT',
  path: '/profile/password',
  operationId: 'changePassword',
  summary: 'Changes the password and ends every session but the one whose refresh token is given',
  tag: 'Accounts',
  secured: true,
  body: { schema: passwordChange, mediaTypes: JSON_BODY },
  replies: { 204: { description: 'The new password counts from now on' } },
  problems: ['INVALID_CREDENTIALS'],
  operation: operation<
    { readonly changePassword: ChangePasswordResult },
    { readonly input: ChangePasswordInput }
  >(`
    mutation ChangePassword($input: ChangePasswordInput!) {
      changePassword(input: $input) {
        __typename
        ... on InvalidCredentials { message }
        ... on InvalidInput { message errors { field message } }
      }
    }`),
  variables: ({ body }: { readonly body: PasswordChangeBody }) => ({
    input: {
      currentPassword: body.current_password,
      newPassword: body.new_password,
      refreshToken: body.refresh_token ?? null,
    },
  }),
  answer: (data) => changed(data.changePassword),
});
