// Draws the ratios of a run as a bar chart in SVG, for docs/performance.md. The chart is legible on light and dark pages.
import type { ComparisonFigures, Figures } from './figures.ts';
import { formatMachine } from './report.ts';

const WIDTH = 860;
const LABELS = 390;
const BARS = WIDTH - LABELS - 90;
const BAR = 11;
const GROUP_GAP = 14;
const HEAD = 62;
const COLOURS = ['#4c78a8', '#f58518', '#54a24b'];

const escapeXml = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

const text = (x: number, y: number, content: string, extra = ''): string =>
  `<text x="${x}" y="${y}" ${extra}>${escapeXml(content)}</text>`;

function drawLegend(comparisons: readonly ComparisonFigures[]): string[] {
  return comparisons.flatMap(({ title }, index) => {
    const x = LABELS + index * 140;
    return [
      `<rect x="${x}" y="${HEAD - 24}" width="10" height="10" fill="${COLOURS[index % COLOURS.length]}"/>`,
      text(x + 15, HEAD - 15, title),
    ];
  });
}

/** The bars of one gateway, one for each case in which it was measured. */
function drawGroup(
  name: string,
  comparisons: readonly ComparisonFigures[],
  top: number,
  longest: number,
): string[] {
  const bars = comparisons.flatMap(({ rows }, index) => {
    const ratio = rows.find((row) => row.name === name)?.ratio.median;
    if (ratio === undefined) return [];
    const y = top + index * BAR;
    const width = Math.max(1, (ratio / longest) * BARS).toFixed(1);
    return [
      `<rect x="${LABELS}" y="${y}" width="${width}" height="${BAR - 2}" fill="${COLOURS[index % COLOURS.length]}"/>`,
      text(LABELS + Number(width) + 6, y + BAR - 3, ratio.toFixed(ratio < 0.1 ? 3 : 2), 'font-size="10"'),
    ];
  });
  const middle = top + (comparisons.length * BAR) / 2 + 4;
  return [text(LABELS - 10, middle, name, 'text-anchor="end"'), ...bars];
}

const TITLE = 'CPU of the gateway process per request, in times of the first row (less is better)';

/** An SVG document. */
export function drawChart({ machine, gateways: comparisons }: Figures): string {
  const names = [...new Set(comparisons.flatMap(({ rows }) => rows.map(({ name }) => name)))];
  const longest = Math.max(1, ...comparisons.flatMap(({ rows }) => rows.map(({ ratio }) => ratio.median)));
  const height = HEAD + names.length * (comparisons.length * BAR + GROUP_GAP) + 24;
  const topOf = (index: number) => HEAD + index * (comparisons.length * BAR + GROUP_GAP);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12" fill="#777">`,
    `<title>${TITLE}</title>`,
    text(10, 20, TITLE, 'font-size="14"'),
    ...drawLegend(comparisons),
    ...names.flatMap((name, index) => drawGroup(name, comparisons, topOf(index), longest)),
    text(10, height - 8, formatMachine(machine), 'font-size="10"'),
    '</svg>',
    '',
  ].join('\n');
}
