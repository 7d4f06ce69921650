// Measures the contenders of a comparison in turn.
import { readCpuMs } from '@holdfast/test/src/support/process-usage.ts';
import { checkAnswers } from './answers.ts';
import type { Comparison, Contender } from './cases.ts';
import { type ComparisonFigures, type Row, spreadOf } from './figures.ts';
import type { BenchSystem } from './system.ts';

/** Enough for V8 to compile the hot code. */
const WARM_UP_REQUESTS = 40_000;
const WARM_UP_MS = 15_000;
/** Sent before each measurement, so that no connection is opened during it. */
const OPENING_REQUESTS = 200;
const DEFAULT_REQUESTS = 20_000;
/** A slow gateway answers fewer requests in this time; the result is the CPU time of one. */
const MEASURE_MS = 2_000;

interface Measurement {
  readonly cpuMs: number;
  readonly perSecond: number;
}

export interface CompareOptions {
  readonly rounds: number;
  readonly requests: number | undefined;
  readonly onProgress: (line: string) => void;
}

/** @throws when the contenders do not give the same answers */
export async function compare(
  system: BenchSystem,
  { name, title, contenders }: Comparison,
  { rounds, requests = DEFAULT_REQUESTS, onProgress }: CompareOptions,
): Promise<ComparisonFigures> {
  await checkAnswers(system, contenders);
  onProgress(`${name}: the answers are the same`);
  const warmUp = Math.min(requests, WARM_UP_REQUESTS);
  for (const contender of contenders) await measure(system, contender, warmUp, WARM_UP_MS);
  const measured = new Map<Contender, Measurement[]>(contenders.map((contender) => [contender, []]));
  for (let round = 0; round < rounds; round += 1) {
    // Each round begins with another contender, so that no contender always follows the same one.
    const first = round % contenders.length;
    for (const contender of [...contenders.slice(first), ...contenders.slice(0, first)])
      measured.get(contender)?.push(await measure(system, contender, requests, MEASURE_MS));
    onProgress(`${name}: round ${round + 1} of ${rounds}`);
  }
  const [baseline] = measured.values();
  return { name, title, rows: [...measured].map((each) => rowOf(each, baseline ?? [])) };
}

async function measure(
  { generator, gateway, token }: BenchSystem,
  contender: Contender,
  requests: number,
  maxMs: number,
): Promise<Measurement> {
  const { url, pid } = await gateway(contender.gateway);
  generator.aim(url, contender.requests, token);
  await generator.fire(Math.min(requests, OPENING_REQUESTS), maxMs);
  const before = await readCpuMs(pid);
  const { answered, ms } = await generator.fire(requests, maxMs);
  const used = (await readCpuMs(pid)) - before;
  return { cpuMs: used / answered, perSecond: (answered / ms) * 1_000 };
}

function rowOf(
  [{ name, gateway }, measured]: [Contender, Measurement[]],
  baseline: readonly Measurement[],
): Row {
  return {
    name,
    gateway,
    cpuMs: spreadOf(measured.map(({ cpuMs }) => cpuMs)),
    ratio: spreadOf(measured.map(({ cpuMs }, round) => cpuMs / (baseline[round]?.cpuMs ?? Number.NaN))),
    perSecond: spreadOf(measured.map(({ perSecond }) => perSecond)),
  };
}
