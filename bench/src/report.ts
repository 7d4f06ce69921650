// The figures as Markdown, for the terminal and for docs/performance.md.
import type {
  ComparisonFigures,
  Figures,
  Machine,
  MemoryFigures,
  ReadyFigures,
  Row,
  Spread,
} from './figures.ts';

/** Two significant digits below 1: the spread allows no more. */
const number = (value: number): string => (value < 0.1 ? value.toFixed(3) : value.toFixed(2));
const range = ({ min, max }: Spread): string => `${number(min)}–${number(max)}`;
const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map(line).join('\n');

export const describe = ({ node, processor, processors, commit, date, load }: Machine): string =>
  `${processors} × ${processor}, Node ${node}, commit ${commit}, ${date}, load before the run ${load.toFixed(1)}`;

const cellsOf = (row: Row | undefined): string[] =>
  row === undefined
    ? ['–', '–']
    : [number(row.cpuMs.median), `${number(row.ratio.median)} (${range(row.ratio)})`];

function gatewayTable(comparisons: readonly ComparisonFigures[]): string {
  const names = [...new Set(comparisons.flatMap(({ rows }) => rows.map(({ name }) => name)))];
  return table(
    ['gateway', ...comparisons.flatMap(({ title }) => [`${title}, ms`, 'ratio'])],
    names.map((name) => [
      name,
      ...comparisons.flatMap(({ rows }) => cellsOf(rows.find((row) => row.name === name))),
    ]),
  );
}

const restTable = (comparisons: readonly ComparisonFigures[]): string =>
  table(
    ['REST', 'GraphQL, ms', 'REST, ms', 'ratio'],
    comparisons.map(({ title, rows: [graphql, rest] }) => [
      title,
      ...cellsOf(graphql).slice(0, 1),
      ...cellsOf(rest),
    ]),
  );

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(0);

const memoryLine = ({ requests, texts, firstBytes, lastBytes }: MemoryFigures): string =>
  `Memory: ${megabytes(firstBytes)} MB resident after the first ${texts} requests, each of another text; ` +
  `${megabytes(lastBytes)} MB after ${requests} requests (${(lastBytes / firstBytes).toFixed(2)} times).`;

const seconds = ({ median, min, max }: Spread): string =>
  `${median.toFixed(0)} ms (${min.toFixed(0)}–${max.toFixed(0)})`;

const readyLine = ({ plain, withCompileCache }: ReadyFigures): string =>
  `Ready: ${seconds(plain)} after the start of the process, ${seconds(withCompileCache)} with Node's compile cache.`;

export function report({ machine, rounds, gateways, rest, memory, ready }: Figures): string {
  return [
    describe(machine),
    gateways.length + rest.length > 0 &&
      `CPU milliseconds of the gateway process per request: median of ${rounds} rounds; the ratio is to the first row in the same round, with its least and its most.`,
    gateways.length > 0 && gatewayTable(gateways),
    rest.length > 0 && restTable(rest),
    memory && memoryLine(memory),
    ready && readyLine(ready),
  ]
    .filter((part) => typeof part === 'string')
    .join('\n\n');
}
