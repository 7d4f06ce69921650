// `npm run bench`: what a request costs our gateway in CPU, beside other gateways in the same run, and what an order costs
// (docs/performance.md).
import { writeFile } from 'node:fs/promises';
import { runBench } from './bench.ts';
import { drawChart } from './chart.ts';
import { type BenchOptions, readOptions, USAGE } from './options.ts';
import { report } from './report.ts';

function optionsOrUsage(): BenchOptions | undefined {
  try {
    return readOptions(process.argv.slice(2));
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
    process.exitCode = 1;
    return undefined;
  }
}

const options = optionsOrUsage();
if (options !== undefined) {
  const figures = await runBench(options, (line) => console.error(line));
  console.log(`\n${report(figures)}`);
  if (options.jsonFile !== undefined)
    await writeFile(options.jsonFile, `${JSON.stringify(figures, undefined, 2)}\n`);
  if (options.svgFile !== undefined) await writeFile(options.svgFile, drawChart(figures));
}
