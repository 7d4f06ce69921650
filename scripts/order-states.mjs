// Draws the states of an order in docs/api.md from the table of the orders service. With `--check` it only checks that the drawing is
// up to date.
import { MEANINGS, ORDER_STATUSES, PLACED, STEPS } from '../subgraphs/orders/src/domain/order-status.ts';
import { writePart } from './generated-part.mjs';

const formatArrow = ({ from, to, by, job }) => `  ${from} --> ${to}: ${by}${job ? `, ${job}` : ''}`;
const isEnd = (status) => STEPS.every(({ from }) => from !== status);

await writePart('docs/api.md', [
  '```mermaid',
  'stateDiagram-v2',
  formatArrow({ from: '[*]', ...PLACED }),
  ...STEPS.map(formatArrow),
  ...ORDER_STATUSES.filter(isEnd).map((status) => `  ${status} --> [*]`),
  '```',
  '',
  '| status | meaning |',
  '| --- | --- |',
  ...ORDER_STATUSES.map((status) => `| \`${status}\` | ${MEANINGS[status]} |`),
]);
