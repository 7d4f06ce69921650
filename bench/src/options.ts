// What can be asked of the benchmark on its command line.
import { parseArgs } from 'node:util';
import { CASE_NAMES, type CaseName } from './cases.ts';
import { GATEWAYS, type GatewayName } from './system.ts';

export interface BenchOptions {
  readonly cases: readonly CaseName[];
  readonly gateways: readonly GatewayName[];
  readonly rounds: number;
  /** The most requests of one measurement; undefined for the default of each case. */
  readonly requests: number | undefined;
  /** How many different texts come where memory is measured; undefined for the default. */
  readonly texts: number | undefined;
  readonly jsonFile: string | undefined;
  readonly svgFile: string | undefined;
  /** Where CPU profiles of our gateway are written. */
  readonly profileFolder: string | undefined;
}

export const DEFAULT_ROUNDS = 11;

export const USAGE = `npm run bench -- [options]
  --case NAMES       of ${CASE_NAMES.join(', ')}, with commas between; default: all
  --gateway NAMES    of ${GATEWAYS.join(', ')}, with commas between; default: all
  --rounds N         how often each gateway is measured, in alternation; default: ${DEFAULT_ROUNDS}
  --requests N       the most requests of one measurement
  --texts N          how many different texts come in the case memory; default: 10000
  --json FILE        writes every figure
  --svg FILE         draws the ratios
  --profile FOLDER   writes CPU profiles of our gateway, which makes it slower`;

/** @throws with one line that says what cannot be used */
export function readOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      case: { type: 'string' },
      gateway: { type: 'string' },
      rounds: { type: 'string' },
      requests: { type: 'string' },
      texts: { type: 'string' },
      json: { type: 'string' },
      svg: { type: 'string' },
      profile: { type: 'string' },
    },
  });
  return {
    cases: namesIn('--case', values.case, CASE_NAMES),
    gateways: namesIn('--gateway', values.gateway, GATEWAYS),
    rounds: countIn('--rounds', values.rounds) ?? DEFAULT_ROUNDS,
    requests: countIn('--requests', values.requests),
    texts: countIn('--texts', values.texts),
    jsonFile: values.json,
    svgFile: values.svg,
    profileFolder: values.profile,
  };
}

function namesIn<Name extends string>(
  option: string,
  text: string | undefined,
  known: readonly Name[],
): readonly Name[] {
  if (text === undefined) return known;
  const asked = text.split(',');
  const stranger = asked.find((name) => !known.some((each) => each === name));
  if (stranger !== undefined) throw new Error(`${option}: expected ${known.join(', ')}, got ${stranger}`);
  return known.filter((name) => asked.includes(name));
}

function countIn(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1)
    throw new Error(`${option}: expected a whole number from 1, got ${text}`);
  return count;
}
