// Reads the command line of each command of commands.js: shows `--help`, checks values, and refuses unknown options.
// Plain JavaScript without packages, because it runs before the packages are installed.
import { parseArgs } from 'node:util';
import { COMMANDS } from './commands.js';
import { findNearestName } from './edit-distance.js';

/** @typedef {import('./commands.js').CommandName} CommandName */
/** @typedef {import('./commands.js').Command} Command */
/** @typedef {import('./commands.js').Option} Option */
/** @typedef {{ flag: boolean, text: string, count: number }} ValueOf the type of a value, by the kind of its option */
/**
 * The options of a command that were given.
 * @template {CommandName} Name
 * @typedef {{ -readonly [Key in keyof (typeof COMMANDS)[Name]['options']]?:
 *   (typeof COMMANDS)[Name]['options'][Key] extends { kind: infer Kind extends keyof ValueOf } ? ValueOf[Kind] : never }} Values
 */

/** The command line cannot be used. The message is one line. */
export class UsageError extends Error {}

/**
 * Reads the command line of this process. Ends the process with the help after `--help`, and with exit code 1 and one line when
 * the command line cannot be used.
 * @template {CommandName} Name
 * @param {Name} name
 * @param {string[]} args
 */
export function readCommandLineOrExit(name, args = process.argv.slice(2)) {
  try {
    const given = readCommandLine(name, args);
    if (given !== undefined) return given;
    console.log(formatHelp(name));
    return process.exit(0);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`${formatCommand(name)}: ${error.message} (${formatCommand(name)} -- --help)`);
    return process.exit(1);
  }
}

/**
 * The given options and arguments, and `rest`, which is for the program of `others`; undefined when help is requested. Throws
 * UsageError.
 * @template {CommandName} Name
 * @param {Name} name
 * @param {string[]} args
 * @returns {{ values: Values<Name>, positionals: string[], rest: string[] } | undefined}
 */
export function readCommandLine(name, args) {
  /** @type {Command} */
  const command = COMMANDS[name];
  const { tokens } = parseArgs({
    args,
    strict: false,
    allowPositionals: true,
    tokens: true,
    options: Object.fromEntries(
      Object.entries(command.options).map(([option, { kind }]) => [
        option,
        { type: kind === 'flag' ? 'boolean' : 'string' },
      ]),
    ),
  });
  const ended = tokens.find(({ kind }) => kind === 'option-terminator')?.index ?? args.length;
  const isHelp = (/** @type {string} */ arg, /** @type {number} */ index) =>
    index < ended && (arg === '--help' || arg === '-h');
  if (args.some(isHelp)) return undefined;
  /** @type {Record<string, boolean | string | number>} */
  const values = {};
  /** @type {Map<number, string>} */
  const rest = new Map();
  const positionals = [];
  for (const token of tokens) {
    const option = token.kind === 'option' ? command.options[token.name] : undefined;
    if (token.kind === 'option' && option !== undefined)
      values[token.name] = readValue(`--${token.name}`, option, token.value);
    else if (token.kind === 'option' && command.others === undefined)
      throw createUnknownOptionError(token.rawName, Object.keys(command.options));
    // Several short options in one argument, such as -iw, are several tokens.
    else if (!rest.has(token.index)) rest.set(token.index, args[token.index] ?? '');
    if (token.kind === 'positional') positionals.push(token.value);
  }
  if (command.others === undefined) checkCount(positionals, command.takes ?? []);
  // The table of commands defines the kind of each option's value.
  return { values: /** @type {Values<Name>} */ (values), positionals, rest: [...rest.values()] };
}

/**
 * @param {string} name
 * @param {Option} option
 * @param {string | undefined} given
 */
function readValue(name, option, given) {
  if (option.kind === 'flag') {
    if (given !== undefined) throw new UsageError(`${name} takes no value, got ${given}`);
    return true;
  }
  const expected = option.kind === 'count' ? `a whole number from ${option.least}` : option.value;
  if (given === undefined || given === '')
    throw new UsageError(`${name}: expected ${expected}, got no value`);
  if (option.kind === 'text') return given;
  const number = Number(given);
  if (!Number.isSafeInteger(number) || number < option.least)
    throw new UsageError(`${name}: expected ${expected}, got ${given}`);
  return number;
}

/**
 * @param {string} name
 * @param {readonly string[]} known
 */
function createUnknownOptionError(name, known) {
  const all = [...known, 'help'].map((option) => `--${option}`);
  const nearest = findNearestName(name, all);
  const hint = nearest?.isMisspelt ? `did you mean ${nearest.name}?` : `the options are ${all.join(', ')}`;
  return new UsageError(`unknown option ${name}; ${hint}`);
}

/**
 * @param {readonly string[]} given
 * @param {readonly string[]} takes
 */
function checkCount(given, takes) {
  const needed = takes.filter((argument) => !argument.startsWith('['));
  if (given.length >= needed.length && given.length <= takes.length) return;
  const expected = takes.length === 0 ? 'no argument' : takes.join(' ');
  throw new UsageError(`expected ${expected}, got ${given.join(' ') || 'no argument'}`);
}

/**
 * A command as a user types it.
 * @param {CommandName} name
 */
const formatCommand = (name) => (name === 'start' || name === 'test' ? `npm ${name}` : `npm run ${name}`);

/**
 * The text that `--help` shows.
 * @param {CommandName} name
 */
function formatHelp(name) {
  /** @type {Command} */
  const { does, takes = [], others, options } = COMMANDS[name];
  const lines = Object.entries(options).map(([option, each]) => [
    `--${option}${each.kind === 'flag' ? '' : each.kind === 'count' ? ' N' : ` ${each.value}`}`,
    each.does,
  ]);
  lines.push(['--help', 'shows this text']);
  const width = Math.max(...lines.map(([option = '']) => option.length));
  return [
    `${formatCommand(name)} -- ${['[options]', ...takes].join(' ')}`,
    `  ${does}`,
    '',
    ...lines.map(([option = '', says]) => `  ${option.padEnd(width)}  ${says}`),
    ...(others === undefined ? [] : ['', `  All other options are those of ${others}.`]),
  ].join('\n');
}
