// Typed settings, read once from the environment: `service.ts` hands it to the `config` module of its service, which
// names the settings that there are.
import { z } from 'zod';
import { tracingSettings } from './tracing.ts';

/** Settings that cannot be used. The message lists every fault, one a line, never a value that may be secret. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

const port = z.coerce.number().int().min(0).max(65535);

/** A duration in milliseconds. */
export const milliseconds = (fallback: number, max = 600_000) =>
  z.coerce.number().int().min(0).max(max).default(fallback);

/** The settings that every service takes. */
export const commonSettings = {
  PORT: port,
  OPS_PORT: port,
  HOST: z.string().min(1).default('0.0.0.0'),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  /**
   * How long readiness says no before connections are closed: longer than load balancers take to notice, and than
   * clients keep a connection that they do not use.
   */
  DRAIN_DELAY_MS: milliseconds(0, 20_000),
  ...tracingSettings,
  /** The commit that was built: shown in the metric build_info. */
  REVISION: z.string().max(64).default('unknown'),
};

/** What a service takes that calls a subgraph. */
export const subgraphCallSettings = {
  /** When a connection to a subgraph is opened anew, so that instances which are new get their share. */
  SUBGRAPH_CONNECTION_MAX_AGE_MS: z.coerce.number().int().min(100).max(3_600_000).default(30_000),
};

/** What a service needs to check access tokens. */
export const tokenSettings = {
  JWT_ISSUER: z.string().min(1).default('holdfast'),
  JWT_AUDIENCE: z.string().min(1).default('holdfast'),
};

const SECRET_LENGTH = 32;

/** Secrets, comma between them. A fault says which one is wrong and shows none. */
const secrets = z.string().transform((text, context): readonly [string, ...string[]] => {
  const [first = '', ...others] = text.split(',').map((secret) => secret.trim());
  const short = [first, ...others].findIndex((secret) => secret.length < SECRET_LENGTH);
  if (short >= 0) {
    const message = `expected secrets of at least ${SECRET_LENGTH} characters, separated by commas; number ${short + 1} is shorter`;
    context.addIssue({ code: 'custom', message });
  }
  return [first, ...others];
});

/** What a service needs to know the others, and to be known by them. */
export const serviceTokenSettings = {
  /** The first signs, all verify. */
  SERVICE_SECRET: secrets,
};

/** What a service needs to reach PostgreSQL. */
export const databaseSettings = {
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }),
  /** For requests: half of them for reads, half for writes. */
  DATABASE_POOL_MAX: z.coerce.number().int().min(1).max(100).default(10),
};

/**
 * Reads the settings of `shape` from `env`.
 * @throws {ConfigError} naming every setting that is missing or malformed, all at once
 */
export function readSettings<Shape extends z.ZodRawShape>(
  shape: Shape,
  env: NodeJS.ProcessEnv,
): Readonly<z.infer<z.ZodObject<Shape>>> {
  const present = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const result = z.object(shape).safeParse(present);
  if (result.success) return Object.freeze(result.data);
  const faults = result.error.issues.map((issue) => {
    const name = issue.path.join('.');
    return `${name}: ${present[name] === undefined ? 'is required' : issue.message}`;
  });
  throw new ConfigError(`Settings cannot be used:\n  ${faults.join('\n  ')}`);
}
