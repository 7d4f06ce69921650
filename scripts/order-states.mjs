// Draws the states of an order in docs/api.md from the table that the orders service goes by; `--check` only says whether
// the drawing is that table.
import { MEANINGS, ORDER_STATUSES, PLACED, STEPS } from '../subgraphs/orders/src/domain/order-status.ts';
import { writePart } from './made-part.mjs';

const arrow = ({ from, to, by, job }) => `  ${from} --> ${to}: ${by}${job ? `, ${job}` : ''}`;
const isEnd = (status) => STEPS.every(({ from }) => from !== status);

await writePart('docs/api.md', [
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
]);
