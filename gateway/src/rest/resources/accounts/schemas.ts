// REST: what accounts and sessions look like going out and coming in.

import { allHandled } from '@holdfast/platform/validation';
import { z } from 'zod';
import {
  type AccountFragment,
  AccountState,
  AuditAction,
  type AuditEventFieldsFragment,
  Role,
} from '../../../generated/operations.ts';
import { id, idInput, shownId } from '../../ids.ts';
import { dateTime, PAGE_PARAMETERS, text, times, version } from '../../schema.ts';

export const user = z
  .strictObject({
    id,
    username: z.string().meta({ description: 'The name to log in with.', examples: ['ada'] }),
    email: z
      .string()
      .nullable()
      .meta({
        description: 'The address for mails; only the account itself and staff see it, others see null.',
        format: 'email',
        examples: ['ada@example.com'],
      }),
    email_verified: z
      .boolean()
      .meta({ description: 'Whether a link that was mailed to the address was used.' }),
    role: z.enum(Role).meta({ description: 'The role of the account.' }),
    state: z.enum(AccountState).meta({
      description: 'Staff can disable an account; a DISABLED account cannot log in and has no sessions.',
    }),
    version,
    ...times,
  })
  .meta({ id: 'User' });

export function toUserBody(account: AccountFragment): z.infer<typeof user> {
  const { id, username, email, emailVerified, role, state, version, createdAt, updatedAt, ...rest } = account;
  allHandled(rest);
  return {
    id: shownId(id),
    username,
    email,
    email_verified: emailVerified,
    role,
    state,
    version,
    created_at: createdAt,
    updated_at: updatedAt,
  };
}

export const session = z
  .strictObject({
    token: z.string().meta({ description: 'A JWT (RFC 9068) for `Authorization: Bearer`.' }),
    token_type: z.enum(['Bearer']).meta({ description: 'The scheme of `Authorization`.' }),
    expires_in: z.int32().min(0).meta({ description: 'Seconds until the token expires.' }),
    refresh_token: z.string().meta({ description: 'A token for one call of /token/refresh.' }),
    device_token: z.string().optional().meta({
      description:
        'Comes from /login. Send it with the next login from this device, so that failed logins from elsewhere do not count for it.',
    }),
  })
  .meta({ id: 'Session' });

/** Of the demo account of `npm start`. */
const DEMO_PASSWORD = 'demo-password-2026';
/** A token cannot be known before it is given out. */
const TOKEN_EXAMPLE = 'the token that you received';

/** A text that is never quoted. */
const secret = (description: string) => z.string().meta({ writeOnly: true, description });

const password = (description: string) => secret(description).meta({ format: 'password' });

const newPassword = password('12 to 128 characters, not the username, and hard to guess');

export const registration = z
  .strictObject({
    username: z
      .string()
      .meta({ description: '3 to 64 characters: letters, digits and _ . -', examples: ['ada'] }),
    email: z
      .string()
      .meta({ format: 'idn-email', description: 'an e-mail address', examples: ['ada@example.com'] }),
    password: newPassword,
  })
  .meta({
    id: 'Registration',
    examples: [{ username: 'ada', email: 'ada@example.com', password: 'three grey herons at dusk' }],
  });

export const credentials = z
  .strictObject({
    username: z.string().meta({ description: 'the username or the e-mail address', examples: ['ada'] }),
    password: password('the password'),
    device_token: secret('the device_token of the latest login from this device').optional(),
  })
  .meta({
    id: 'Credentials',
    examples: [{ username: 'demo', password: DEMO_PASSWORD }],
  });

export const refreshToken = z
  .strictObject({ refresh_token: secret('the refresh token of a session') })
  .meta({ id: 'RefreshToken', examples: [{ refresh_token: TOKEN_EXAMPLE }] });

export const passwordChange = z
  .strictObject({
    current_password: password('the current password'),
    new_password: newPassword,
    refresh_token: secret('the unused refresh token of the session to keep; all others end').optional(),
  })
  .meta({
    id: 'PasswordChange',
    examples: [{ current_password: DEMO_PASSWORD, new_password: 'three grey herons at dawn' }],
  });

const names = (values: Readonly<Record<string, string>>): string =>
  `one of ${Object.values(values).join(', ')}`;
const role = z.enum(Role).meta({ description: names(Role) });

export const userListParameters = z.strictObject({
  ...PAGE_PARAMETERS,
  name_prefix: z
    .string()
    .regex(/^[A-Za-z0-9_.-]{1,64}$/)
    .optional()
    .meta({ description: 'the beginning of the usernames, 1 to 64 characters: letters, digits and _ . -' }),
  role: role.optional(),
  state: z
    .enum(AccountState)
    .optional()
    .meta({ description: names(AccountState) }),
});

export const roleChange = z
  .strictObject({ role })
  .meta({ id: 'RoleChange', examples: [{ role: Role.STAFF }] });

export const staffAction = z
  .strictObject({
    reason: text({ min: 1, max: 500 }).meta({ description: 'the reason, one line of 1 to 500 characters' }),
  })
  .meta({ id: 'StaffAction', examples: [{ reason: 'Requested by the owner.' }] });

export const auditParameters = z.strictObject({
  ...PAGE_PARAMETERS,
  subject_id: idInput('the id of the user whom the action concerned').optional(),
});

export const auditEvent = z
  .strictObject({
    id,
    at: dateTime.meta({ description: 'When the action was done.' }),
    action: z.enum(AuditAction).meta({ description: 'The action.' }),
    actor_id: id.nullable().meta({ description: 'The user who acted; null for the operator of the system.' }),
    subject_id: id.meta({ description: 'The account that the action concerned.' }),
    reason: z.string().nullable().meta({
      description: 'The reason that the actor gave; null for an action without a reason.',
    }),
    old_role: z.enum(Role).nullable().meta({
      description: 'The previous role; null unless the action changed the role.',
    }),
    new_role: z.enum(Role).nullable().meta({
      description: 'The new role; null unless the action changed the role.',
    }),
    address: z.string().nullable().meta({ description: 'The address of the client.' }),
    request_id: z.string().nullable().meta({ description: 'The id of the request in the logs.' }),
  })
  .meta({ id: 'AuditEvent' });

export function auditRepresentation(event: AuditEventFieldsFragment): z.infer<typeof auditEvent> {
  const { id, at, action, actorId, subjectId, reason, oldRole, newRole, address, requestId, ...rest } = event;
  allHandled(rest);
  return {
    id: shownId(id),
    at,
    action,
    actor_id: actorId === null ? null : shownId(actorId),
    subject_id: shownId(subjectId),
    reason,
    old_role: oldRole,
    new_role: newRole,
    address,
    request_id: requestId,
  };
}

export const forgottenPassword = z
  .strictObject({
    email: z.string().meta({ format: 'idn-email', description: 'the address of the account' }),
  })
  .meta({ id: 'ForgottenPassword', examples: [{ email: 'demo@example.com' }] });

const mailedToken = secret('the token of the mailed link');

export const linkToken = z
  .strictObject({ token: mailedToken })
  .meta({ id: 'LinkToken', examples: [{ token: TOKEN_EXAMPLE }] });

export const passwordReset = z.strictObject({ token: mailedToken, new_password: newPassword }).meta({
  id: 'PasswordReset',
  examples: [{ token: TOKEN_EXAMPLE, new_password: 'three grey herons at dawn' }],
});

export const emailChange = z
  .strictObject({
    new_email: z.string().meta({ format: 'idn-email', description: 'the new address' }),
    current_password: password('the current password'),
  })
  .meta({
    id: 'EmailChange',
    examples: [{ new_email: 'demo-2@example.com', current_password: DEMO_PASSWORD }],
  });

export const emailChangeRequested = z
  .strictObject({
    new_email: z.string().meta({ description: 'The address that the mail is sent to.', format: 'email' }),
  })
  .meta({ id: 'EmailChangeRequested' });

export const verificationRequested = z
  .strictObject({
    is_on_its_way: z.boolean().meta({ description: 'False when the address is already verified.' }),
  })
  .meta({ id: 'VerificationRequested' });
