// The rules for the input of accounts. The answer names all fields that break a rule.
import { domainToASCII } from 'node:url';
import { came, isPlainText } from '@holdfast/platform/validation';
// The whole package has a hundred files, one for each check.
import isEmail from 'validator/lib/isEmail.js';
import { z } from 'zod';
import type { ChangeEmailInput, ChangePasswordInput, RegisterInput } from '../generated/graphql.ts';
import { passwordError } from './password-rules.ts';

const USERNAME = /^[A-Za-z0-9_.-]{3,64}$/;
const MAX_EMAIL = 254;

/** Letters of any script, but not invisible ones, which the DNS ignores. The validator refuses all other domains. */
const DOMAIN = /^(?!.*\p{Default_Ignorable_Code_Point})[\p{L}\p{M}\p{N}.-]+$/u;

/**
 * An e-mail address in the form for storing and comparing: in lower case, with the domain as the DNS has it, where
 * `bücher.example` and `xn--bcher-kva.example` are the same (UTS 46).
 */
export function normalizeEmail(email: string): string {
  const address = email.trim().toLowerCase();
  const at = address.lastIndexOf('@') + 1;
  const domain = address.slice(at);
  const ascii = DOMAIN.test(domain) ? domainToASCII(domain) : '';
  return ascii === '' ? address : address.slice(0, at) + ascii;
}

/** Quoted local parts are legal, but mail programs do not expect them, so they are refused. */
const ADDRESS = { blacklisted_chars: '"' } as const;
/** A local part in other letters needs servers with SMTPUTF8, which many lack. */
const isAddress = (address: string): boolean => /^[!-~]+$/.test(address) && isEmail.default(address, ADDRESS);

const username = z.string().regex(USERNAME, {
  error: ({ input }) =>
    `expected 3 to 64 characters, each a letter, a digit or one of _ . -, got ${came(input)}`,
});

const addressExpected = ({ input }: { input?: unknown }) =>
  `expected an e-mail address such as ada@example.com, got ${came(input)}`;

/** Takes an e-mail address and returns its stored form. */
export const emailRule = z
  .string()
  // This check comes before the trimming, which would remove a line break at an end.
  .refine(isPlainText, { abort: true, error: addressExpected })
  .overwrite(normalizeEmail)
  .max(MAX_EMAIL, {
    abort: true,
    error: ({ input }) => `expected at most ${MAX_EMAIL} characters, got ${String(input).length}`,
  })
  .refine(isAddress, { error: addressExpected });

type NewPassword = Pick<ChangePasswordInput, 'newPassword'>;
/** The names of an account, which are easy to guess as a password. */
export type Names = Pick<RegisterInput, 'username' | 'email'>;

/** Why a password is easy to guess (`PasswordStrength`); undefined when it is not. */
type Weakness = string | undefined;

const passwordRule = (weakness: Weakness): z.ZodString =>
  z.string().check((context) => {
    const message = passwordError(context.value) ?? weakness;
    // The issue has no input, because it must not contain the password.
    if (message !== undefined) context.issues.push({ code: 'custom', message, input: undefined });
  });

/** The rules of a registration. */
export const registrationRules = (weakness: Weakness): z.ZodType<RegisterInput, RegisterInput> =>
  z.strictObject({ username, email: emailRule, password: passwordRule(weakness) });

/** The rules of a new password of an existing account: the same as at registration. */
export const newPasswordRules = (weakness: Weakness): z.ZodType<NewPassword, NewPassword> =>
  z.strictObject({ newPassword: passwordRule(weakness) });

/** The rules of a new address. */
export const newEmailRules: z.ZodType<
  Pick<ChangeEmailInput, 'newEmail'>,
  Pick<ChangeEmailInput, 'newEmail'>
> = z.strictObject({ newEmail: emailRule });
