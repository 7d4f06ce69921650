// Formats the figures as Markdown, for the terminal and for docs/performance.md.
import type {
  ComparisonFigures,
  Figures,
  Machine,
  MemoryFigures,
  OrderFigures,
  OrderRow,
  ReadyFigures,
  Row,
  Spread,
} from './figures.ts';

/** Few digits, because the spread of the measurements allows no more. */
const formatNumber = (value: number): string => (value < 0.1 ? value.toFixed(3) : value.toFixed(2));
const formatRange = ({ min, max }: Spread): string => `${formatNumber(min)}–${formatNumber(max)}`;
const formatLine = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
const formatTable = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map(formatLine).join('\n');

export const formatMachine = ({ node, processor, processors, commit, date, load }: Machine): string =>
  `${processors} × ${processor}, Node ${node}, commit ${commit}, ${date}, load before the run ${load.toFixed(1)}`;

const cellsOf = (row: Row | undefined): string[] =>
  row === undefined
    ? ['–', '–']
    : [formatNumber(row.cpuMs.median), `${formatNumber(row.ratio.median)} (${formatRange(row.ratio)})`];

function gatewayTable(comparisons: readonly ComparisonFigures[]): string {
  const names = [...new Set(comparisons.flatMap(({ rows }) => rows.map(({ name }) => name)))];
  return formatTable(
    ['gateway', ...comparisons.flatMap(({ title }) => [`${title}, ms`, 'ratio'])],
    names.map((name) => [
      name,
      ...comparisons.flatMap(({ rows }) => cellsOf(rows.find((row) => row.name === name))),
    ]),
  );
}

const restTable = (comparisons: readonly ComparisonFigures[]): string =>
  formatTable(
    ['REST', 'GraphQL, ms', 'REST, ms', 'ratio'],
    comparisons.map(({ title, rows: [graphql, rest] }) => [
      title,
      ...cellsOf(graphql).slice(0, 1),
      ...cellsOf(rest),
    ]),
  );

const formatMegabytes = (bytes: number): string => (bytes / 1e6).toFixed(0);

function memoryTable({ texts, rows }: MemoryFigures): string {
  const first = rows[0]?.residentBytes ?? Number.NaN;
  const caption = `Memory of our gateway, with ${texts} different texts. The heap includes garbage.`;
  return `${caption}\n\n${formatTable(
    ['requests', 'resident, MB', 'to the first row', 'heap, MB', 'plans made'],
    rows.map(({ requests, residentBytes, heapBytes, planned }) => [
      String(requests),
      formatMegabytes(residentBytes),
      formatNumber(residentBytes / first),
      formatMegabytes(heapBytes),
      String(planned),
    ]),
  )}`;
}

const formatMs = ({ median, min, max }: Spread): string =>
  `${median.toFixed(0)} ms (${min.toFixed(0)}–${max.toFixed(0)})`;

const readyLine = ({ plain, withCompileCache }: ReadyFigures): string =>
  `Ready: ${formatMs(plain)} after the start of the process, ${formatMs(withCompileCache)} with Node's compile cache.`;

const PROCESSES = ['gateway', 'users', 'products', 'orders', 'PostgreSQL'];
const formatWhole = (spread: Spread | undefined): string =>
  spread === undefined ? '–' : spread.median.toFixed(0);

function orderTable({ rows }: OrderFigures): string {
  return formatTable(
    ['orders', 'a second', 'p50, ms', 'p99, ms', '202', ...PROCESSES, 'all, ms'],
    rows.map(({ name, perSecond, p50, p99, late, cpu }) => [
      name,
      `${formatWhole(perSecond)} (${perSecond.min.toFixed(0)}–${perSecond.max.toFixed(0)})`,
      formatWhole(p50),
      formatWhole(p99),
      String(late),
      ...PROCESSES.map((process) => (cpu[process]?.median ? formatNumber(cpu[process].median) : '–')),
      Object.keys(cpu).length === 0
        ? '–'
        : formatNumber(Object.values(cpu).reduce((sum, { median }) => sum + median, 0)),
    ]),
  );
}

/** Compares the rates at the largest number of callers, where all of them wait for one product. */
function orderLine({ rows }: OrderFigures): string {
  const rate = (by: OrderRow['by'], products: OrderRow['products']): number =>
    rows.filter((row) => row.by === by && row.products === products).sort((a, b) => b.callers - a.callers)[0]
      ?.perSecond.median ?? Number.NaN;
  const one = rate('ours', 'one');
  return (
    `One product: ${formatNumber(one / rate('ours', 'many'))} times the orders of many products, ` +
    `${formatNumber(one / rate('naive', 'one'))} times the naive design's.`
  );
}

export function formatReport({ machine, rounds, gateways, rest, memory, ready, orders }: Figures): string {
  return [
    formatMachine(machine),
    gateways.length + rest.length > 0 &&
      `CPU milliseconds of the gateway process per request: median of ${rounds} rounds; the ratio is to the first row in the same round, with its least and its most.`,
    gateways.length > 0 && gatewayTable(gateways),
    rest.length > 0 && restTable(rest),
    memory && memoryTable(memory),
    ready && readyLine(ready),
    orders &&
      `Orders: medians of ${rounds} rounds; CPU milliseconds of each process for an order, the callers left out.`,
    orders && orderTable(orders),
    orders && orderLine(orders),
  ]
    .filter((part) => typeof part === 'string')
    .join('\n\n');
}
