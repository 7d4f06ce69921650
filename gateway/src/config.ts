// The settings of the gateway; the only reader of the environment.
import {
  ConfigError,
  commonSettings,
  milliseconds,
  readSettings,
  serviceTokenSettings,
  subgraphCallSettings,
  tokenSettings,
} from '@holdfast/platform/config';
import { MAX_CONNECTIONS } from '@holdfast/platform/http';
import { MAX_REPLY_BYTES } from '@holdfast/platform/http-client';
import { redisSettings } from '@holdfast/platform/redis';
import { z } from 'zod';
import { graphLimitSettings } from './graph/graph-limits.ts';
import { corsOrigins } from './http/cors.ts';
import { rateLimits } from './limits/limits.ts';
import { operationSettings } from './operations/persisted.ts';

/** A tenth of all, so that a few clients cannot keep everyone else out. */
const CONNECTIONS_PER_ADDRESS = 1_000;

/** The longest that a request may be given, ms. */
const MAX_REQUEST_TIMEOUT_MS = 60_000;

const toggle = z
  .enum(['on', 'off'])
  .default('on')
  .transform((value) => value === 'on');

const bytes = (fallback: number) => z.coerce.number().int().min(10_000).max(1_000_000_000).default(fallback);

const url = z.url({ protocol: /^https?$/ });

export const settings = {
  ...commonSettings,
  ...tokenSettings,
  ...serviceTokenSettings,
  ...redisSettings,
  ...subgraphCallSettings,
  /** The composed schema; taken over anew whenever the file changes. */
  SUPERGRAPH_FILE: z.string().min(1),
  /** Where each subgraph answers GraphQL. The supergraph file's own addresses are never used. */
  USERS_URL: url,
  PRODUCTS_URL: url,
  ORDERS_URL: url,
  /** The public keys of the users service (RFC 7517). */
  JWKS_URL: url,
  REQUEST_TIMEOUT_MS: milliseconds(15_000, MAX_REQUEST_TIMEOUT_MS),
  /** The longest that one query of a subgraph may take. A mutation has the time of its request. */
  SUBGRAPH_TIMEOUT_MS: milliseconds(4_000, MAX_REQUEST_TIMEOUT_MS),
  /** Connections to each subgraph. Calls beyond that queue, within their deadline. */
  SUBGRAPH_CONNECTIONS: z.coerce.number().int().min(1).max(1_000).default(100),
  /** The largest reply, of a subgraph and to a client. */
  MAX_REPLY_BYTES: bytes(MAX_REPLY_BYTES),
  /** How much of all replies may be unread by their clients. Past it, the slowest readers lose their connections. */
  MAX_UNREAD_BYTES: bytes(64_000_000),
  /** How often the supergraph file is read even when nothing says that it changed, ms. */
  SUPERGRAPH_POLL_MS: z.coerce.number().int().min(100).max(600_000).default(10_000),
  /** The GraphQL explorer at /graphql, for browsers. */
  EXPLORER: toggle,
  INTROSPECTION: toggle,
  /** The web sites whose scripts may call. */
  CORS_ORIGINS: corsOrigins,
  ...graphLimitSettings,
  /** The longest that planning one operation may take, ms. */
  PLAN_TIMEOUT_MS: z.coerce.number().int().min(100).max(MAX_REQUEST_TIMEOUT_MS).default(2_000),
  ...operationSettings,
  /** What differs from the table of limits, or `off`. */
  RATE_LIMITS: rateLimits,
  /** How many proxies stand in front of the gateway, each of which appends to X-Forwarded-For. */
  TRUSTED_PROXIES: z.coerce.number().int().min(0).max(10).default(0),
  /** How many connections one address may hold, a proxy's as well. Without the setting: see `connectionsPerAddress`. */
  MAX_CONNECTIONS_PER_ADDRESS: z.coerce.number().int().min(1).max(MAX_CONNECTIONS).optional(),
};

export type GatewaySettings = Readonly<z.infer<z.ZodObject<typeof settings>>>;

/** Behind proxies every connection comes from one of them, and there is no bound unless one is set. */
export const connectionsPerAddress = (settings: GatewaySettings): number | undefined =>
  settings.MAX_CONNECTIONS_PER_ADDRESS ??
  (settings.TRUSTED_PROXIES === 0 ? CONNECTIONS_PER_ADDRESS : undefined);

/** @throws {ConfigError} naming every setting that is missing or malformed */
export function readGatewaySettings(env: NodeJS.ProcessEnv): GatewaySettings {
  const read = readSettings(settings, env);
  const faults: string[] = [];
  const isListed = read.PERSISTED_OPERATIONS_FILE !== undefined;
  if (isListed !== (read.OPERATIONS === 'persisted'))
    faults.push(
      `PERSISTED_OPERATIONS_FILE: ${isListed ? 'is used only' : 'is required'} when OPERATIONS is persisted`,
    );
  if (read.MAX_UNREAD_BYTES < read.MAX_REPLY_BYTES)
    faults.push('MAX_UNREAD_BYTES: is at least MAX_REPLY_BYTES, or no client could read the largest reply');
  if (faults.length > 0) throw new ConfigError(`Settings cannot be used:\n  ${faults.join('\n  ')}`);
  return read;
}
