// docs/settings.md and .env.example: every setting, from the tables that the programs read. scripts/settings-page.mjs writes
// and checks them.
import { settings as migrator } from '@holdfast/database/config';
import { z } from 'zod';
import { listDecidedNames, PROCESSES, type ProcessName } from '../stack/services.ts';
import { loadSettings } from './known-settings.ts';
import { settings as local } from './settings.ts';

type Shape = Readonly<Record<string, z.ZodType>>;

const described = z.object({
  description: z.string().optional(),
  unit: z.string().optional(),
  type: z.enum(['string', 'number', 'integer']),
  format: z.string().optional(),
  enum: z.array(z.string()).optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  default: z.union([z.string(), z.number()]).optional(),
});
type Described = z.infer<typeof described>;

/** One row: settings of several services that are the same in all respects share it. */
type Row = {
  name: string;
  isRequired: boolean;
  /** '' when there is none. */
  default: string;
  values: string;
  services: ProcessName[];
  does: string;
};

const OF_ONE = ['setting', 'default', 'values and unit', 'what it does'];
const OF_SEVERAL = ['setting', 'default', 'values and unit', 'services', 'what it does'];

/** The whole page. Throws when a setting has no description, or is a number without a unit ('' for a port). */
export async function renderSettingsPage(): Promise<string> {
  const services = new Map<ProcessName, Shape>();
  for (const name of PROCESSES) services.set(name, await loadSettings(name));
  const own = Object.keys(local);
  const decided = [...listDecidedNames()].filter((name) => !own.includes(name)).map((name) => `\`${name}\``);
  return `<!-- Made from the tables of settings in the sources by npm run settings. -->

# Settings

Each program reads its settings from the environment when it starts. A setting that is empty is not set. A program says all
that is wrong with its settings at once, and does not start.

## \`npm start\` and \`npm run dev\`

${formatTable(OF_ONE, listOwnRows(local))}

The [settings of the services](#the-services) can be given as well, and go to each service. Some are refused, because
\`npm start\` decides them:
${decided.join(', ')}.
A name that is no setting and looks like one is refused too: when a few letters of it are wrong, or when it begins as ours
do (\`MAX_\`, \`RATE_LIMIT\`).

Settings that are to stay stand in a file: \`cp .env.example .env\`, and take away the \`#\` before those that you change. What
the environment sets wins. The commands beside \`npm start\` read the file too (\`npm run users:promote\`, \`keys:rotate\`,
\`db:migrate\`, \`bench\` and the like); \`npm test\` does not.

## The services

\`all\` are ${PROCESSES.join(', ')}. OpenTelemetry's exporter also reads its own variables, such as
\`OTEL_EXPORTER_OTLP_HEADERS\`.

${formatTable(OF_SEVERAL, listServiceRows(services))}

## The migrator

\`npm run db:migrate\`, and the image of the migrations.

${formatTable(OF_ONE, listOwnRows(migrator))}
`;
}

/** .env.example: what `npm start` takes, each as a comment with its default. */
export async function renderEnvExample(): Promise<string> {
  const decided = listDecidedNames();
  const shapes = [local, ...(await Promise.all(PROCESSES.map(loadSettings)))];
  const rows = new Map<string, Row>();
  for (const row of shapes.flatMap(listRows)) {
    const isGivable = row.name in local || !decided.has(row.name);
    // ENV_FILE names this file, so it cannot stand in it.
    if (isGivable && row.name !== 'ENV_FILE' && !rows.has(row.name)) rows.set(row.name, row);
  }
  const parts = [...rows.values()].map(
    ({ name, default: fallback, values, does }) =>
      `${formatComment(`${removeLinks(does)} (${values.replaceAll('`', '')})`)}\n#${name}=${fallback}\n`,
  );
  return `# Made from the tables of settings in the sources by npm run settings. cp .env.example .env, then take away the #
# before a setting that is to have another value. docs/settings.md says more.\n\n${parts.join('\n')}`;
}

/** Lines of at most 110 signs. */
const formatComment = (text: string): string => text.replaceAll(/(.{1,108})(?: |$)/g, '# $1\n').trimEnd();

const removeLinks = (text: string): string => text.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1');

const listOwnRows = (shape: Shape): string[][] =>
  listRows(shape).map((row) => [formatName(row), formatDefault(row), row.values, row.does]);

/** The settings of all services first, then those of fewer; within that in the order of the tables. */
export function listServiceRows(services: ReadonlyMap<ProcessName, Shape>): string[][] {
  const rows = new Map<string, Row>();
  for (const [service, shape] of services) {
    for (const row of listRows(shape)) {
      const key = JSON.stringify(row);
      const known = rows.get(key) ?? row;
      known.services.push(service);
      rows.set(key, known);
    }
  }
  const rank = ({ services: of }: Row) => PROCESSES.length - of.length;
  return [...rows.values()]
    .sort((a, b) => rank(a) - rank(b))
    .map((row) => [
      formatName(row),
      formatDefault(row),
      row.values,
      namesOf(row.services, services.size),
      row.does,
    ]);
}

const namesOf = (services: readonly ProcessName[], all: number): string =>
  services.length === all ? 'all' : services.join(', ');

function listRows(shape: Shape): Row[] {
  const { properties = {}, required = [] } = z.toJSONSchema(z.object(shape), {
    io: 'input',
    unrepresentable: 'any',
  });
  return Object.entries(properties).map(([name, property]) => {
    const schema = described.parse(property);
    if (schema.description === undefined) throw new Error(`the setting ${name} has no description`);
    if (schema.type !== 'string' && schema.unit === undefined)
      throw new Error(`the setting ${name} is a number and has no unit`);
    return {
      name,
      isRequired: required.includes(name),
      default: String(schema.default ?? ''),
      values: formatValues(schema),
      services: [],
      does: schema.description,
    };
  });
}

const formatName = ({ name }: Row): string => `\`${name}\``;

function formatDefault({ isRequired, default: fallback }: Row): string {
  if (isRequired) return 'required';
  return fallback === '' ? '–' : `\`${fallback}\``;
}

function formatValues({ type, format, enum: choices, minimum, maximum, unit }: Described): string {
  if (choices !== undefined) return choices.map((choice) => `\`${choice}\``).join(', ');
  if (type === 'string') return format === 'uri' ? 'URL' : 'text';
  const isOpen = maximum === undefined || maximum === Number.MAX_SAFE_INTEGER;
  return `${isOpen ? `from ${minimum}` : `${minimum} to ${maximum}`} ${unit}`.trim();
}

function formatTable(head: readonly string[], rows: readonly string[][]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
