// The options of the benchmark's command line.
import type { Values } from '@holdfast/local/command-line/command-line';
import { CASE_NAMES, type CaseName } from './cases.ts';
import { GATEWAYS, type GatewayName } from './system.ts';

export interface BenchOptions {
  readonly cases: readonly CaseName[];
  readonly gateways: readonly GatewayName[];
  readonly rounds: number;
  /** The most requests of one measurement; undefined for the default of each case. */
  readonly requests: number | undefined;
  /** The number of different operations in the case memory; undefined for the default. */
  readonly texts: number | undefined;
  readonly jsonFile: string | undefined;
  readonly svgFile: string | undefined;
  /** Where CPU profiles of our gateway are written. */
  readonly profileFolder: string | undefined;
}

export const DEFAULT_ROUNDS = 11;

/** @throws with one line that names the invalid option */
export function readOptions(values: Values<'bench'>): BenchOptions {
  return {
    cases: readNames('--case', values.case, CASE_NAMES),
    gateways: readNames('--gateway', values.gateway, GATEWAYS),
    rounds: values.rounds ?? DEFAULT_ROUNDS,
    requests: values.requests,
    texts: values.texts,
    jsonFile: values.json,
    svgFile: values.svg,
    profileFolder: values.profile,
  };
}

function readNames<Name extends string>(
  option: string,
  text: string | undefined,
  known: readonly Name[],
): readonly Name[] {
  if (text === undefined) return known;
  const asked = text.split(',');
  const unknown = asked.find((name) => !known.some((each) => each === name));
  if (unknown !== undefined) throw new Error(`${option}: expected ${known.join(', ')}, got ${unknown}`);
  return known.filter((name) => asked.includes(name));
}
