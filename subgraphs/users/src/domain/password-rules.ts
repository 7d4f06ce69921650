// What a password must be (NIST SP 800-63B-4, 3.1.1): long, and not one that an attacker tries first.
// No rules of composition: they make passwords worse.
import { readFile } from 'node:fs/promises';
import { normalizePassword } from './password-hashing.ts';

const MIN_LENGTH = 12;
const MAX_LENGTH = 128;
/** More UTF-16 units than 128 characters can have in any form that is worth normalizing. */
const MAX_UNITS = 1_024;

const COMMON_PASSWORDS = new URL('../../common-passwords.txt', import.meta.url);

/** Control characters and halves of surrogate pairs: nobody can type them reliably. */
const UNTYPEABLE = /[\p{Cc}\p{Cs}]/u;

/** The whole text is one piece, several times over. */
const REPETITION = /^(.+?)\1+.{0,2}$/su;
const MIN_DISTINCT = 5;

/** Orders in which people walk over keys and letters. */
const WALKS = [
  '01234567890123456789',
  'abcdefghijklmnopqrstuvwxyz',
  'qwertyuiop',
  'asdfghjkl',
  'zxcvbnm',
  'qwertzuiop',
  'azertyuiop',
];
const WALKS_AND_BACK = WALKS.flatMap((walk) => [walk, [...walk].reverse().join('')]);
/** "abcdefgh1234" is three steps of work for an attacker; a passphrase has many more pieces. */
const MAX_WALK_PIECES = 4;
const MIN_PIECE = 3;

const LEET: Readonly<Record<string, string>> = {
  '@': 'a',
  '4': 'a',
  '3': 'e',
  '1': 'i',
  '!': 'i',
  '0': 'o',
  $: 's',
  '5': 's',
  '7': 't',
};

/** Lower-case passwords that are tried first. */
export type CommonPasswords = ReadonlySet<string>;

/** The checked-in list; lines that start with `#` are comments. */
export async function readCommonPasswords(): Promise<CommonPasswords> {
  const lines = (await readFile(COMMON_PASSWORDS, 'utf8')).split('\n');
  return new Set(lines.filter((line) => line !== '' && !line.startsWith('#')));
}

/** The number of characters (code points) that count, or undefined when there are far too many to look at. */
function passwordLength(password: string): number | undefined {
  return password.length > MAX_UNITS ? undefined : [...normalizePassword(password)].length;
}

/** Whether a password can be anybody's here at all: what cannot need not be hashed. */
export const isTooLong = (password: string): boolean =>
  (passwordLength(password) ?? Number.POSITIVE_INFINITY) > MAX_LENGTH;

/** Which rule the password breaks: what was expected and what came, and never the password. Undefined when none. */
export function passwordFault(password: string, common: CommonPasswords): string | undefined {
  const length = passwordLength(password);
  if (length === undefined || length < MIN_LENGTH || length > MAX_LENGTH) {
    return `expected ${MIN_LENGTH} to ${MAX_LENGTH} characters, got ${length ?? `more than ${MAX_LENGTH}`}`;
  }
  if (UNTYPEABLE.test(password)) return 'expected characters that can be typed, got a control character';
  const text = normalizePassword(password).toLowerCase();
  if (isRepetition(text)) return 'expected a password that is hard to guess, got one piece repeated';
  if (isWalk(text)) return 'expected a password that is hard to guess, got a row of keys or letters';
  if (isCommon(text, common))
    return 'expected a password that is hard to guess, got one of the most common ones';
  return undefined;
}

function isRepetition(text: string): boolean {
  return REPETITION.test(text) || new Set(text).size < MIN_DISTINCT;
}

/** Whether the text falls apart into a few stretches of keys that lie side by side. */
function isWalk(text: string): boolean {
  let rest = text;
  for (let pieces = 0; pieces < MAX_WALK_PIECES; pieces += 1) {
    rest = rest.slice(longestWalk(rest));
    if (rest.length < MIN_PIECE) return true;
  }
  return false;
}

/** The length of the longest walk that `text` starts with, 0 when it is too short to be one. */
function longestWalk(text: string): number {
  let length = 0;
  while (length < text.length && WALKS_AND_BACK.some((walk) => walk.includes(text.slice(0, length + 1))))
    length += 1;
  return length < MIN_PIECE ? 0 : length;
}

const withoutDecoration = (text: string): string => text.replace(/^\P{L}+/u, '').replace(/\P{L}+$/u, '');
const withoutLeet = (text: string): string => text.replace(/[@43!10$57]/g, (sign) => LEET[sign] ?? sign);

/** On the list as it is, or a word of the list with digits and signs around it or in the place of letters. */
function isCommon(text: string, common: CommonPasswords): boolean {
  const word = withoutDecoration(text);
  return [text, word, withoutLeet(word), withoutDecoration(withoutLeet(text))].some((form) =>
    common.has(form),
  );
}
