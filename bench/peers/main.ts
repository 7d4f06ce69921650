// Runs the two races of docs/comparison.md against this system and others, one after the other:
// `node bench/peers/main.ts holdfast vendure medusa`. A peer is installed by `npm install --no-package-lock --prefix bench/peers/NAME`.
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { type Edits, editOneField, editTwoFields, type Sale, sell } from './races.ts';
import { type Running, SYSTEMS } from './systems.ts';

const USAGE = `node bench/peers/main.ts [--rounds 3] SYSTEM…   (${Object.keys(SYSTEMS).join(', ')})`;
const SALE = { buyers: 60, units: 20 };
/** More buyers than units, so that some come too late. */
const BUYERS_IN_TURN = 30;
const EDITS = 30;

async function race({ shop }: Running, rounds: number): Promise<string[]> {
  const together: Sale[] = [];
  for (let round = 0; round < rounds; round += 1)
    together.push(await sell(shop, { ...SALE, together: true }));
  console.error(`${shop.name}, at once: ${formatSales(together)}`);
  for (const error of new Set(together.flatMap(({ errors }) => errors))) console.error(`  ${error}`);
  const edits = [await editOneField(shop, EDITS), await editTwoFields(shop, EDITS)];
  console.error(`${shop.name}, edits: ${edits.map(formatEdits).join('; ')}`);
  const calm = await sell(shop, { ...SALE, buyers: BUYERS_IN_TURN, together: false });
  return [shop.name, formatSales([calm]), formatSales(together), ...edits.map(formatEdits)];
}

const formatSales = (sales: readonly Sale[]): string =>
  sales
    .map(
      ({ told, booked, errors }) =>
        `${told} (${booked})${errors.length > 0 ? `, ${errors.length} errors` : ''}`,
    )
    .join('; ');
const formatEdits = ({ accepted, lost, refused }: Edits): string =>
  `${lost} of ${accepted}, ${refused} refused first`;
const formatRow = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

/** The rounds and the names of the systems. Throws with one line that names the invalid argument. */
function readArguments(args: string[]): { rounds: number; names: string[] } {
  const { values, positionals: names } = parseArgs({
    args,
    options: { rounds: { type: 'string', default: '3' } },
    allowPositionals: true,
  });
  const rounds = Number(values.rounds);
  if (!(rounds >= 1)) throw new Error(`--rounds: expected a number from 1, got ${values.rounds}`);
  const unknown = names.filter((name) => SYSTEMS[name] === undefined);
  if (unknown.length > 0) throw new Error(`unknown system ${unknown.join(', ')}`);
  if (names.length === 0) throw new Error('expected at least one system');
  return { rounds, names };
}

function readArgumentsOrExit(args: string[]): ReturnType<typeof readArguments> {
  if (args.includes('--help')) {
    console.log(USAGE);
    process.exit(0);
  }
  try {
    return readArguments(args);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n${USAGE}`);
    process.exit(1);
  }
}

const { rounds, names } = readArgumentsOrExit(process.argv.slice(2));
console.log(
  `${SALE.buyers} buyers of ${SALE.units} units; ${cpus().length} × ${cpus()[0]?.model}, Node ${process.version}\n`,
);
console.log(
  formatRow([
    'system',
    'one after the other',
    'at once',
    'edits of one field lost',
    'edits of two fields lost',
  ]),
);
console.log(formatRow(['---', '---', '---', '---', '---']));
for (const name of names) {
  const running = await SYSTEMS[name]?.();
  if (running === undefined) continue;
  try {
    console.log(formatRow(await race(running, rounds)));
  } finally {
    await running.stop();
  }
}
console.error(
  `load of the machine at the end: ${loadavg()
    .map((load) => load.toFixed(1))
    .join(' ')}`,
);
