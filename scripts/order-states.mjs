// Draws the states of an order in docs/api.md from the table that the orders service goes by; `--check` only says whether
// the drawing is that table.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MEANINGS, ORDER_STATUSES, PLACED, STEPS } from '../subgraphs/orders/src/domain/order-status.ts';
import { ROOT } from './steps.mjs';

const TARGET = 'docs/api.md';
const BEGIN = '<!-- begin: node scripts/order-states.mjs -->';
const END = '<!-- end -->';

const arrow = ({ from, to, by, job }) => `  ${from} --> ${to}: ${by}${job ? `, ${job}` : ''}`;
const isEnd = (status) => STEPS.every(({ from }) => from !== status);
const drawing = [
  BEGIN,
  '```mermaid',
  'stateDiagram-v2',
  arrow({ from: '[*]', ...PLACED }),
  ...STEPS.map(arrow),
  ...ORDER_STATUSES.filter(isEnd).map((status) => `  ${status} --> [*]`),
  '```',
  '',
  '| status | what it says |',
  '| --- | --- |',
  ...ORDER_STATUSES.map((status) => `| \`${status}\` | ${MEANINGS[status]} |`),
  END,
].join('\n');

const path = join(ROOT, TARGET);
const present = await readFile(path, 'utf8');
const [before, rest] = present.split(BEGIN);
const after = rest?.split(END)[1];
if (after === undefined) throw new Error(`${TARGET} has no place between "${BEGIN}" and "${END}"`);
const wanted = before + drawing + after;
if (wanted !== present && process.argv.includes('--check')) {
  console.error(
    `${TARGET} draws other states than the orders service has; run "node scripts/order-states.mjs"`,
  );
  process.exitCode = 1;
} else if (wanted !== present) {
  await writeFile(path, wanted);
}
