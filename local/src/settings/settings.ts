// Reads what `npm start` and `npm run dev` need, from their options and the environment.
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { z } from 'zod';
import { ROOT } from '../root.js';
import { guessSetting, type KnownSettings } from './known-settings.ts';

/** The options of the command line. `inspect` is for `npm run dev`. */
export type StartOptions = Partial<Pick<LocalSettings, 'reset' | 'dev' | 'inspect'>>;

export type LocalSettings = {
  dataDir: string;
  /** The gateway's port; the other ports follow from it. */
  port: number;
  /** An administrator's URL; undefined for an embedded server. */
  databaseUrl: string | undefined;
  logLevel: string;
  /** Delete all data first. */
  reset: boolean;
  /** Restart services whose sources change: `npm run dev`. */
  dev: boolean;
  /** Open an inspector for each service. */
  inspect: boolean;
  /** Settings that the services get unchanged. */
  passedThrough: Record<string, string>;
};

/** The highest inspector's port is 203 above the gateway's. */
const HIGHEST_PORT = 65_535 - 203;

/** The settings of `npm start` itself. docs/settings.md is generated from their descriptions and units. */
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
    .describe(
      "An administrator's URL of a PostgreSQL. Without it `npm start` runs an embedded one in DATA_DIR.",
    ),
  DATA_DIR: z
    .string()
    .default('.data')
    .describe(
      'The folder of the embedded PostgreSQL and the secrets. The other commands find the running stack by it.',
    ),
  ENV_FILE: z.string().default('.env').describe('A file with settings. The environment takes precedence.'),
  LOG_LEVEL: z
    .string()
    .default('info')
    .describe(
      'The level of `npm start` and of the services. `debug` and `trace` also show what `npm start` does.',
    ),
};
const OWN = new Set(Object.keys(settings));
/** OpenTelemetry's own names, which its library reads in the services. */
const OPENTELEMETRY = /^OTEL_/;
/** Names of npm, Node, PostgreSQL and the tests. They are never taken for misspelt settings. */
const OF_OTHERS = /^(npm_|NODE_|PG|HOLDFAST_TEST_)/;
/** Reads the settings. Throws one error whose message lists all that is wrong with them. */
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

/** The errors of the settings in the table above. */
function ownErrors(given: ReadonlyMap<string, string>, reset: boolean): string[] {
  const errors: string[] = [];
  const [port, databaseUrl] = [given.get('PORT'), given.get('DATABASE_URL')];
  if (!settings.PORT.safeParse(port).success)
    errors.push(`PORT is a number from 1 to ${HIGHEST_PORT}; got ${JSON.stringify(port)}`);
  if (!settings.DATABASE_URL.safeParse(databaseUrl).success)
    errors.push('DATABASE_URL is not a PostgreSQL URL (postgres://user:password@host:5432/database)');
  if (reset && databaseUrl !== undefined)
    errors.push('--reset deletes the embedded database only; empty the one of DATABASE_URL yourself');
  return errors;
}

/** The errors of one variable of the environment: a setting that `npm start` decides, an invalid value, a misspelt name. */
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
    : [`${name} is not a setting; did you mean ${meant}? Unset it if it is another program's`];
}

/** Some shells set HOST to the name of the machine. */
const isOfShell = (name: string, value: string): boolean =>
  name === 'HOST' && value.split('.', 1)[0] === hostname().split('.', 1)[0];

/** The folder of the local stack's data. */
export function readDataDir(env: NodeJS.ProcessEnv): string {
  return resolve(ROOT, settings.DATA_DIR.parse(env['DATA_DIR'] || undefined));
}
