// The texts of the mails. The token is in the fragment of a link, because browsers do not send the fragment to servers, which may
// log it.
import type { EmailTokenPurpose } from '../data/token-mails.ts';

export interface Mail {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

interface Step {
  readonly subject: string;
  /** Under PUBLIC_URL. */
  readonly path: string;
  readonly what: string;
  readonly life: string;
  readonly otherwise: string;
}

const IGNORE = 'If you did not request this, ignore this mail. Your account stays as it is.';

const STEPS: Readonly<Record<EmailTokenPurpose, Step>> = {
  VERIFY_EMAIL: {
    subject: 'Please verify your e-mail address',
    path: 'account/verify-email',
    what: 'This link verifies that this address is yours',
    life: 'a day',
    otherwise: 'If you have not created an account, ignore this mail.',
  },
  CHANGE_EMAIL: {
    subject: 'Please verify your new e-mail address',
    path: 'account/verify-email',
    what: 'This link makes this the address of your account',
    life: 'a day',
    otherwise: IGNORE,
  },
  RESET_PASSWORD: {
    subject: 'A new password',
    path: 'account/reset-password',
    what: 'This link gives your account a new password, and ends its sessions',
    life: 'an hour',
    otherwise: IGNORE,
  },
  CONFIRM_LOGIN: {
    subject: 'Please confirm your login',
    path: 'account/confirm-login',
    what: 'Your password was entered after many wrong ones, so the login was stopped. If it was you, this link logs you in',
    life: '15 minutes',
    otherwise: 'If it was not you, change your password, because another person knows it.',
  },
};

export interface TokenMail {
  readonly purpose: EmailTokenPurpose;
  readonly to: string;
  readonly username: string;
  readonly token: string;
  /** The base URL of the pages to which links lead. */
  readonly publicUrl: string;
}

export function tokenMail({ purpose, to, username, token, publicUrl }: TokenMail): Mail {
  const { subject, path, what, life, otherwise } = STEPS[purpose];
  const link = `${publicUrl.replace(/\/$/, '')}/${path}#token=${token}`;
  const text = `Hello ${username},

${what}. It works once and for ${life}:

${link}

${otherwise}
`;
  return { to, subject, text };
}

export const emailChangedMail = (to: string, username: string): Mail => ({
  to,
  subject: 'Your account has another e-mail address',
  text: `Hello ${username},

your account has another e-mail address now. The shop sends no more mails of your account to this address.

If you did not change it, contact the shop at once, because another person knows your password.
`,
});
