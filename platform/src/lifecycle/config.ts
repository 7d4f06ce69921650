// Typed settings, read once from the environment: `service.ts` hands it to the `config` module of its service, which
// names the settings that there are. docs/settings.md is made from their descriptions and units.
import type { KeyObject } from 'node:crypto';
import { z } from 'zod';
import {
  CALLING_SERVICES,
  parsePrivateKey,
  parsePublicKey,
  type ServicePublicKeys,
} from '../auth/service-keys.ts';
import { tracingSettings } from '../observability/tracing.ts';

/** Settings that cannot be used. The message lists every error, one a line, never a value that may be secret. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

const port = z.coerce.number().int().min(0).max(65535).meta({ unit: '' });

/** A duration in milliseconds. */
export const milliseconds = (fallback: number, max = 600_000, min = 0) =>
  z.coerce.number().int().min(min).max(max).default(fallback).meta({ unit: 'ms' });

/** A whole number of `unit`. */
export const count = (unit: string, fallback: number, min: number, max: number) =>
  z.coerce.number().int().min(min).max(max).default(fallback).meta({ unit });

/** The settings that every service takes. */
export const commonSettings = {
  PORT: port.describe('Where the service listens for its callers.'),
  OPS_PORT: port.describe(
    'Where the service answers `/livez`, `/readyz` and `/metrics`: for operators, not for callers.',
  ),
  HOST: z
    .string()
    .min(1)
    .default('0.0.0.0')
    .describe('The address of the network interface that both ports are opened on.'),
  LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
    .default('info')
    .describe('The least important lines that are logged.'),
  DRAIN_DELAY_MS: milliseconds(0, 20_000).describe(
    'How long after SIGTERM `/readyz` says no before connections are closed. Longer than load balancers take to notice, ' +
      'and than clients keep a connection that they do not use.',
  ),
  ...tracingSettings,
  REVISION: z
    .string()
    .max(64)
    .default('unknown')
    .describe('The commit that was built, shown in the metric `build_info`. The images set it.'),
};

/** What a service takes that calls a subgraph. */
export const subgraphCallSettings = {
  SUBGRAPH_CONNECTION_MAX_AGE_MS: milliseconds(30_000, 3_600_000, 100).describe(
    'After how long a connection to a subgraph is opened anew, so that new instances get their share.',
  ),
};

/** An address that is reached by HTTP. */
const httpUrl = z.url({ protocol: /^https?$/ });

/** Where a subgraph answers GraphQL. */
export const subgraphUrl = (name: string) =>
  httpUrl.describe(`Where the ${name} service answers GraphQL: \`/graphql\` at its PORT.`);

/** What a service needs that checks access tokens and does not sign them. */
export const keySetSettings = {
  JWKS_URL: httpUrl.describe(
    'Where the users service publishes its public keys (a JWK set, RFC 7517). The list of ended access tokens is at `/revocations` there.',
  ),
};

/** What a service needs to check access tokens. */
export const tokenSettings = {
  JWT_ISSUER: z
    .string()
    .min(1)
    .default('holdfast')
    .describe(
      'The `iss` of access tokens. A token of another issuer is refused, so all services have the same.',
    ),
  JWT_AUDIENCE: z
    .string()
    .min(1)
    .default('holdfast')
    .describe(
      'The `aud` of access tokens. A token for another audience is refused, so all services have the same.',
    ),
};

const SECRET_LENGTH = 32;

/** Secrets, comma between them. An error says which one is wrong and shows none. */
export const secrets = z.string().transform((text, context): readonly [string, ...string[]] => {
  const [first = '', ...others] = text.split(',').map((secret) => secret.trim());
  const short = [first, ...others].findIndex((secret) => secret.length < SECRET_LENGTH);
  if (short >= 0) {
    const message = `expected secrets of at least ${SECRET_LENGTH} characters, separated by commas; number ${short + 1} is shorter`;
    context.addIssue({ code: 'custom', message });
  }
  return [first, ...others];
});

const serviceKey = z.string().transform((text, context) => {
  const key = parsePrivateKey(text);
  if (key) return key;
  const message = 'expected the 32 octets of an Ed25519 private key, in base64url (43 characters)';
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
});

/** What a service needs that calls another. */
export const callingSettings = {
  SERVICE_KEY: serviceKey.describe(
    "The service's own Ed25519 private key, which signs its calls of other services: 32 octets in base64url " +
      '([to make and to change it](operations.md#how-to)).',
  ),
};

const servicePublicKeys = z.string().transform((text, context): ServicePublicKeys => {
  const keys: Record<keyof ServicePublicKeys, KeyObject[]> = { gateway: [], products: [], orders: [] };
  for (const entry of text.split(',')) {
    const [name, value = ''] = entry.trim().split('=', 2);
    const caller = CALLING_SERVICES.find((service) => service === name);
    const key = parsePublicKey(value);
    if (caller && key) keys[caller].push(key);
    else {
      const message = `expected NAME=KEY with a name of ${CALLING_SERVICES.join(', ')} and an Ed25519 public key in base64url, got ${JSON.stringify(entry)}`;
      context.addIssue({ code: 'custom', message });
    }
  }
  const absent = CALLING_SERVICES.filter((service) => keys[service].length === 0);
  if (absent.length > 0)
    context.addIssue({ code: 'custom', message: `there is no key of ${absent.join(', ')}` });
  return keys;
});

/** What a service needs that others call. */
export const calledSettings = {
  SERVICE_PUBLIC_KEYS: servicePublicKeys.describe(
    'The public keys of the services that call others, the same for all: `gateway=KEY,products=KEY,orders=KEY`. A name may ' +
      'stand twice while its key is changed.',
  ),
};

/** What a service needs to reach PostgreSQL. */
export const databaseSettings = {
  DATABASE_URL: z
    .url({ protocol: /^postgres(ql)?$/ })
    .describe(
      "The database, with the service's own role: `postgres://users_service:PASSWORD@HOST:5432/DATABASE`.",
    ),
  DATABASE_POOL_MAX: count('connections', 10, 1, 100).describe(
    'The most connections to PostgreSQL that the requests of one process use: half for reads, half for writes.',
  ),
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
  const errors = result.error.issues.map((issue) => {
    const name = issue.path.join('.');
    return `${name}: ${present[name] === undefined ? 'is required' : issue.message}`;
  });
  throw new ConfigError(`Settings cannot be used:\n  ${errors.join('\n  ')}`);
}
