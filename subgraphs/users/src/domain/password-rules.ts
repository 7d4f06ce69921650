// What a password must be (NIST SP 800-63B-4, 3.1.1): long. That it is not one that an attacker tries first is estimated in
// password-strength.ts. No rules of composition: they make passwords worse.
import { normalizePassword } from './password-hashing.ts';

const MIN_LENGTH = 12;
const MAX_LENGTH = 128;
/** More UTF-16 units than 128 characters can have in any form that is worth normalizing. */
const MAX_UNITS = 1_024;

/** Control characters and halves of surrogate pairs: nobody can type them reliably. */
const UNTYPEABLE = /[\p{Cc}\p{Cs}]/u;

/** The number of characters (code points) that count, or undefined when there are far too many to look at. */
function passwordLength(password: string): number | undefined {
  return password.length > MAX_UNITS ? undefined : [...normalizePassword(password)].length;
}

/** Whether a password can be anybody's here at all: what cannot need not be hashed. */
export const isTooLong = (password: string): boolean =>
  (passwordLength(password) ?? Number.POSITIVE_INFINITY) > MAX_LENGTH;

/**
 * Which rule the password breaks, but for that of `password-strength.ts`: what was expected and what came, and never the
 * password. Undefined when none.
 */
export function passwordError(password: string): string | undefined {
  const length = passwordLength(password);
  if (length === undefined || length < MIN_LENGTH || length > MAX_LENGTH) {
    return `expected ${MIN_LENGTH} to ${MAX_LENGTH} characters, got ${length ?? `more than ${MAX_LENGTH}`}`;
  }
  return UNTYPEABLE.test(password)
    ? 'expected characters that can be typed, got a control character'
    : undefined;
}
