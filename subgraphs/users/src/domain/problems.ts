// The problems of accounts: members of result unions that say why a request had another outcome than the requested one.
import type { Problem } from '@holdfast/platform/graphql/result-unions';
import { came } from '@holdfast/platform/validation';
import type { AccountRow } from '../data/account-row.ts';
import type * as graph from '../generated/graphql.ts';
import { countConflict } from '../metrics.ts';

export type UsernameTaken = Problem<graph.UsernameTaken, 'USERNAME_TAKEN'>;
export type EmailTaken = Problem<graph.EmailTaken, 'EMAIL_TAKEN'>;
export type InvalidCredentials = Problem<graph.InvalidCredentials, 'INVALID_CREDENTIALS'>;
export type AccountDisabled = Problem<graph.AccountDisabled, 'ACCOUNT_DISABLED'>;
export type LoginLimited = Problem<graph.LoginLimited, 'LOGIN_LIMITED'>;
export type UserNotFound = Problem<graph.UserNotFound, 'USER_NOT_FOUND'>;
export type UserVersionConflict = Problem<graph.UserVersionConflict, 'VERSION_CONFLICT', AccountRow>;
export type LastStaff = Problem<graph.LastStaff, 'LAST_STAFF'>;
export type OwnAccount = Problem<graph.OwnAccount, 'OWN_ACCOUNT'>;

export const usernameTaken = (username: string): UsernameTaken => ({
  __typename: 'UsernameTaken',
  code: 'USERNAME_TAKEN',
  message: `The username ${came(username)} is taken. Choose another one.`,
});

export const emailTaken = (email: string): EmailTaken => ({
  __typename: 'EmailTaken',
  code: 'EMAIL_TAKEN',
  message: `Another account has the e-mail address ${came(email)}. Choose another one, or log in to that account.`,
});

const invalidCredentials = (message: string): InvalidCredentials => ({
  __typename: 'InvalidCredentials',
  code: 'INVALID_CREDENTIALS',
  message,
});

/** The message does not say what was wrong, because that would reveal which names have accounts. */
export const BAD_LOGIN = invalidCredentials('The username or the password is wrong.');

export const WRONG_PASSWORD = invalidCredentials(
  'The current password is wrong, or it was changed in the meantime.',
);

export const BAD_REFRESH_TOKEN = invalidCredentials(
  'The refresh token is unknown, used, expired or ended. Log in again.',
);

export const BAD_LINK = invalidCredentials(
  'The link has expired, was used already, or a newer link was mailed. Request another one.',
);

/** Only for callers who know the password, so that others do not learn which accounts exist. */
export const ACCOUNT_DISABLED: AccountDisabled = {
  __typename: 'AccountDisabled',
  code: 'ACCOUNT_DISABLED',
  message: 'The account is disabled. Contact the shop.',
};

export const loginLimited = (retryAfter: number, isLinkMailed: boolean): LoginLimited => ({
  __typename: 'LoginLimited',
  code: 'LOGIN_LIMITED',
  message: `Too many tries to log in to this account have failed; try again in ${retryAfter} s.${
    isLinkMailed ? ' If the password was right, a login link was mailed to the address of the account.' : ''
  }`,
  retryAfter,
});

export const userNotFound = (id: string): UserNotFound => ({
  __typename: 'UserNotFound',
  code: 'USER_NOT_FOUND',
  message: `There is no user ${came(id)}.`,
});

/** Also counts the conflict, so call it only for an answer to a caller. */
export function userVersionConflict(expectedVersion: number, current: AccountRow): UserVersionConflict {
  countConflict();
  return {
    __typename: 'UserVersionConflict',
    code: 'VERSION_CONFLICT',
    message: `The user was changed in the meantime: its version is ${current.version}, the request expected ${expectedVersion}.`,
    currentVersion: current.version,
    current,
  };
}

export const LAST_STAFF: LastStaff = {
  __typename: 'LastStaff',
  code: 'LAST_STAFF',
  message:
    'This is the last staff account that can log in, so it must keep its role. Give another account the role STAFF first.',
};

export const OWN_ACCOUNT: OwnAccount = {
  __typename: 'OwnAccount',
  code: 'OWN_ACCOUNT',
  message: 'Staff cannot disable their own account. Ask another member of staff to disable it.',
};
