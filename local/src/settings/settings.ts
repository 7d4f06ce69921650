// What `npm start` and `npm run dev` are told, by their options and the environment.
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { z } from 'zod';
import { ROOT } from '../root.ts';
import { guessSetting, type KnownSettings } from './known-settings.ts';

export { ROOT } from '../root.ts';

/** What the command line says. `inspect` is for `npm run dev`. */
export type StartOptions = Partial<Pick<LocalSettings, 'reset' | 'dev' | 'inspect'>>;

export type LocalSettings = {
  dataDir: string;
  /** The gateway's; the others follow from it. */
  port: number;
  /** An administrator's URL; undefined: an embedded server. */
  databaseUrl: string | undefined;
  logLevel: string;
  /** Begin anew. */
  reset: boolean;
  /** Restart what changes: `npm run dev`. */
  dev: boolean;
  /** Open an inspector for each service. */
  inspect: boolean;
  /** Handed to the services as they are, when set. */
  passedThrough: Record<string, string>;
};

/** The last inspector is 203 above the gateway's port. */
const HIGHEST_PORT = 65_535 - 203;

/** Read here; the services get what follows from them. docs/settings.md is made from their descriptions and units. */
export const settings = {
  PORT: z.coerce
    .number()
    .int()
    .min(1)
    .max(HIGHEST_PORT)
    .default(4000)
    .meta({
      unit: '',
      description:
        "The gateway's port. The services follow (users `PORT + 1`, products `PORT + 2`, orders `PORT + 3`), each ops port is " +
        '100 above, and each inspector 200.',
    }),
  DATABASE_URL: z
    .url({ protocol: /^postgres(ql)?$/ })
    .optional()
    .describe("An administrator's URL of a PostgreSQL to use. Without it one is embedded, in DATA_DIR."),
  DATA_DIR: z
    .string()
    .default('.data')
    .describe(
      'Where the embedded PostgreSQL and the secrets are. The commands beside `npm start` find it by this.',
    ),
  ENV_FILE: z
    .string()
    .default('.env')
    .describe('A file with settings, which are used where the environment does not set them.'),
  LOG_LEVEL: z
    .string()
    .default('info')
    .describe(
      "As the services' setting, which gets it. `debug` and `trace` also show what `npm start` does.",
    ),
};
const OWN = new Set(Object.keys(settings));
/** OpenTelemetry's own names, which its library reads in the services. */
const OPENTELEMETRY = /^OTEL_/;
/** Names of npm, Node, PostgreSQL and our tests: never ours, however much they look like it. */
const OF_OTHERS = /^(npm_|NODE_|PG|HOLDFAST_TEST_)/;
/** Reads the settings; throws one error whose message names everything wrong with them. */
export function readLocalSettings(
  { reset = false, dev = false, inspect = false }: StartOptions,
  env: NodeJS.ProcessEnv,
  known: KnownSettings,
): LocalSettings {
  const given = new Map(Object.entries(env).flatMap(([name, value]) => (value ? [[name, value]] : [])));
  const errors = [
    ...ownErrors(given, reset),
    ...[...given].flatMap(([name, value]) => settingErrors(name, value, known)),
  ];
  if (errors.length > 0) throw new Error(errors.join('; '));
  const isPassedThrough = (name: string) =>
    !OWN.has(name) && (known.checks.has(name) || OPENTELEMETRY.test(name)) && !known.decided.has(name);
  return {
    dataDir: readDataDir(env),
    port: settings.PORT.parse(given.get('PORT')),
    databaseUrl: given.get('DATABASE_URL'),
    logLevel: settings.LOG_LEVEL.parse(given.get('LOG_LEVEL')),
    reset,
    dev,
    inspect,
    passedThrough: Object.fromEntries([...given].filter(([name]) => isPassedThrough(name))),
  };
}

/** What is wrong with the settings that are read here. */
function ownErrors(given: ReadonlyMap<string, string>, reset: boolean): string[] {
  const errors: string[] = [];
  const [port, databaseUrl] = [given.get('PORT'), given.get('DATABASE_URL')];
  if (!settings.PORT.safeParse(port).success)
    errors.push(`PORT is a number from 1 to ${HIGHEST_PORT}; got ${JSON.stringify(port)}`);
  if (!settings.DATABASE_URL.safeParse(databaseUrl).success)
    errors.push('DATABASE_URL is no PostgreSQL URL (postgres://user:password@host:5432/database)');
  if (reset && databaseUrl !== undefined)
    errors.push('--reset deletes the embedded database only; empty the one of DATABASE_URL yourself');
  return errors;
}

/** What is wrong with one name of the environment and its value: a setting that would not be used, or cannot be. */
function settingErrors(name: string, value: string, { checks, decided }: KnownSettings): string[] {
  if (OWN.has(name) && name !== 'LOG_LEVEL') return [];
  if (decided.has(name)) return isOfShell(name, value) ? [] : [`${name} is decided by npm start; unset it`];
  const check = checks.get(name);
  if (check) return check(value).map((error) => `${name}: ${error}`);
  if (OF_OTHERS.test(name)) return [];
  const givable = [...OWN, ...checks.keys()].filter((setting) => !decided.has(setting) || OWN.has(setting));
  const meant = guessSetting(name, givable);
  return meant === undefined
    ? []
    : [`${name} is no setting; did you mean ${meant}? Unset it if it is another program's`];
}

/** Some shells have the name of the machine in HOST. */
const isOfShell = (name: string, value: string): boolean =>
  name === 'HOST' && value.split('.', 1)[0] === hostname().split('.', 1)[0];

/** Where the local stack keeps its data. */
export function readDataDir(env: NodeJS.ProcessEnv): string {
  return resolve(ROOT, settings.DATA_DIR.parse(env['DATA_DIR'] || undefined));
}
