// What an account must be like, and a password that it is given later. Every field that breaks a rule is told, in one answer.
import { domainToASCII } from 'node:url';
import { came, isPlainText } from '@holdfast/platform/validation';
import validator from 'validator';
import { z } from 'zod';
import type { ChangeEmailInput, ChangePasswordInput, RegisterInput } from '../generated/graphql.ts';
import { passwordError } from './password-rules.ts';

const USERNAME = /^[A-Za-z0-9_.-]{3,64}$/;
const MAX_EMAIL = 254;

/** Letters of any script, without those that are invisible and that the DNS leaves out; what else there is, the validator refuses. */
const DOMAIN = /^(?!.*\p{Default_Ignorable_Code_Point})[\p{L}\p{M}\p{N}.-]+$/u;

/**
 * An e-mail address in the form in which it is stored and compared: in lower case, and its domain as the DNS has it, in which
 * `bücher.example` and `xn--bcher-kva.example` are one (UTS 46).
 */
export function normalizeEmail(email: string): string {
  const address = email.trim().toLowerCase();
  const at = address.lastIndexOf('@') + 1;
  const domain = address.slice(at);
  const ascii = DOMAIN.test(domain) ? domainToASCII(domain) : '';
  return ascii === '' ? address : address.slice(0, at) + ascii;
}

/** Quoted local parts are legal, and what no mail program and no list of accounts expects. */
const ADDRESS = { blacklisted_chars: '"' } as const;
/** A local part in other letters needs servers that know SMTPUTF8, and many do not. */
const isAddress = (address: string): boolean =>
  /^[!-~]+$/.test(address) && validator.isEmail(address, ADDRESS);

const username = z.string().regex(USERNAME, {
  error: ({ input }) => `expected 3 to 64 of letters, digits and _ . -, got ${came(input)}`,
});

const addressExpected = ({ input }: { input?: unknown }) =>
  `expected an e-mail address such as ada@example.com, got ${came(input)}`;

/** An e-mail address, which it gives in its stored form. */
export const emailRule = z
  .string()
  // Before the ends are trimmed, or a line break there would pass.
  .refine(isPlainText, { abort: true, error: addressExpected })
  .overwrite(normalizeEmail)
  .max(MAX_EMAIL, {
    abort: true,
    error: ({ input }) => `expected at most ${MAX_EMAIL} characters, got ${String(input).length}`,
  })
  .refine(isAddress, { error: addressExpected });

type NewPassword = Pick<ChangePasswordInput, 'newPassword'>;
/** By what an account is known. */
export type Names = Pick<RegisterInput, 'username' | 'email'>;

/** Why a password is easy to guess (`PasswordStrength`), if it is. */
type Guessable = string | undefined;

const passwordRule = (guessable: Guessable): z.ZodString =>
  z.string().check((context) => {
    const message = passwordError(context.value) ?? guessable;
    // Without the input: an issue must not carry the password on.
    if (message !== undefined) context.issues.push({ code: 'custom', message, input: undefined });
  });

/** The rules of a registration. */
export const registrationRules = (guessable: Guessable): z.ZodType<RegisterInput, RegisterInput> =>
  z.strictObject({ username, email: emailRule, password: passwordRule(guessable) });

/** The rules of a new password for an account that is there: the same as at its registration. */
export const newPasswordRules = (guessable: Guessable): z.ZodType<NewPassword, NewPassword> =>
  z.strictObject({ newPassword: passwordRule(guessable) });

/** The rules of a new address. */
export const newEmailRules: z.ZodType<
  Pick<ChangeEmailInput, 'newEmail'>,
  Pick<ChangeEmailInput, 'newEmail'>
> = z.strictObject({ newEmail: emailRule });
