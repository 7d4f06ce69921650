// The rules for passwords (NIST SP 800-63B-4, 3.1.1): they must be long. password-strength.ts estimates whether they are easy to
// guess. There are no rules for the kinds of characters, because such rules make passwords worse.
import { normalizePassword } from './password-hashing.ts';

const MIN_LENGTH = 12;
const MAX_LENGTH = 128;
/** The most UTF-16 units of a password that is normalized: more than 128 characters have in any usual form. */
const MAX_UNITS = 1_024;

/** Control characters and halves of surrogate pairs, which users cannot type reliably. */
const UNTYPEABLE = /[\p{Cc}\p{Cs}]/u;

/** The number of characters (code points) after normalization; undefined for a text that is too long to normalize. */
function passwordLength(password: string): number | undefined {
  return password.length > MAX_UNITS ? undefined : [...normalizePassword(password)].length;
}

/** Whether a text is too long to be the password of any account, so that it need not be hashed. */
export const isTooLong = (password: string): boolean =>
  (passwordLength(password) ?? Number.POSITIVE_INFINITY) > MAX_LENGTH;

/** The message for the rule that the password breaks (except its strength), without the password; undefined when it breaks none. */
export function passwordError(password: string): string | undefined {
  const length = passwordLength(password);
  if (length === undefined || length < MIN_LENGTH || length > MAX_LENGTH) {
    return `expected ${MIN_LENGTH} to ${MAX_LENGTH} characters, got ${length ?? `more than ${MAX_LENGTH}`}`;
  }
  return UNTYPEABLE.test(password)
    ? 'expected characters that can be typed, got a control character'
    : undefined;
}
