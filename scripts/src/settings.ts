// What `npm start` is told, by its arguments and the environment.
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export type LocalSettings = {
  dataDir: string;
  /** The gateway's; the others follow from it. */
  port: number;
  /** An administrator's URL; undefined: an embedded server. */
  databaseUrl: string | undefined;
  logLevel: string;
  /** Begin anew. */
  reset: boolean;
  /** Handed to the services as they are, when set. */
  passedThrough: Record<string, string>;
};

const PASSED_THROUGH = [
  'REDIS_URL',
  'RATE_LIMITS',
  'CATALOG_WRITERS',
  'READ_TIMEOUT_MS',
  'CORS_ORIGINS',
  'OPERATIONS',
  'PERSISTED_OPERATIONS_FILE',
  'MAX_DEPTH',
  'MAX_ALIASES',
  'MAX_ROOT_FIELDS',
  'MAX_TOKENS',
  'MAX_COST',
  'OTEL_EXPORTER_OTLP_ENDPOINT',
];
const CHOICES: Record<string, string[]> = {
  LOG_LEVEL: ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
  CATALOG_WRITERS: ['everyone', 'staff'],
};
/** The last ops port is 103 above the gateway's. */
const HIGHEST_PORT = 65_535 - 103;

/** Reads the settings; throws one error whose message names everything wrong with them. */
export function readLocalSettings(args: string[], env: NodeJS.ProcessEnv): LocalSettings {
  const faults: string[] = [];
  const unknown = args.filter((argument) => argument !== '--reset');
  if (unknown.length > 0) faults.push(`unknown argument ${unknown.join(' ')} (there is only --reset)`);

  const port = Number(env['PORT'] || 4000);
  if (!Number.isInteger(port) || port < 1 || port > HIGHEST_PORT) {
    faults.push(`PORT is a number from 1 to ${HIGHEST_PORT}; got ${JSON.stringify(env['PORT'])}`);
  }
  const databaseUrl = env['DATABASE_URL'] || undefined;
  if (databaseUrl !== undefined && !hasProtocol(databaseUrl, /^postgres(ql)?:$/)) {
    faults.push('DATABASE_URL is no PostgreSQL URL (postgres://user:password@host:5432/database)');
  }
  const redisUrl = env['REDIS_URL'] || undefined;
  if (redisUrl !== undefined && !hasProtocol(redisUrl, /^rediss?:$/))
    faults.push('REDIS_URL is no Redis URL (redis://user:password@host:6379)');
  const reset = args.includes('--reset');
  if (reset && databaseUrl !== undefined) {
    faults.push('--reset deletes the embedded database only; empty the one of DATABASE_URL yourself');
  }
  for (const [name, known] of Object.entries(CHOICES)) {
    const given = env[name];
    if (given && !known.includes(given))
      faults.push(`${name} is one of ${known.join(', ')}; got ${JSON.stringify(given)}`);
  }
  if (faults.length > 0) throw new Error(faults.join('; '));
  return {
    dataDir: readDataDir(env),
    port,
    databaseUrl,
    logLevel: env['LOG_LEVEL'] || 'info',
    reset,
    passedThrough: Object.fromEntries(
      PASSED_THROUGH.flatMap((name) => (env[name] ? [[name, env[name]]] : [])),
    ),
  };
}

/** Where the local stack keeps its data. */
export function readDataDir(env: NodeJS.ProcessEnv): string {
  return resolve(ROOT, env['DATA_DIR'] || '.data');
}

function hasProtocol(text: string, protocol: RegExp): boolean {
  return URL.canParse(text) && protocol.test(new URL(text).protocol);
}
