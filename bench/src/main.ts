// `npm run bench`: measures the CPU time of a request in our gateway and in others in the same run, and the cost of an order
// (docs/performance.md).
import { writeFile } from 'node:fs/promises';
import { readCommandLineOrExit } from '@holdfast/local/command-line/command-line';
import { runBench } from './bench.ts';
import { drawChart } from './chart.ts';
import { type BenchOptions, readOptions } from './options.ts';
import { formatReport } from './report.ts';

function readOptionsOrFail(): BenchOptions | undefined {
  try {
    return readOptions(readCommandLineOrExit('bench').values);
  } catch (error) {
    console.error(`npm run bench: ${error instanceof Error ? error.message : error}`);
    process.exitCode = 1;
    return undefined;
  }
}

const options = readOptionsOrFail();
if (options !== undefined) {
  const figures = await runBench(options, (line) => console.error(line));
  console.log(`\n${formatReport(figures)}`);
  if (options.jsonFile !== undefined)
    await writeFile(options.jsonFile, `${JSON.stringify(figures, undefined, 2)}\n`);
  if (options.svgFile !== undefined) await writeFile(options.svgFile, drawChart(figures));
}
