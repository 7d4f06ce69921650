// The settings of the gateway; the only reader of the environment.

import { callingSettings, keySetSettings, tokenSettings } from '@holdfast/platform/auth/settings';
import { subgraphCallSettings, subgraphUrl } from '@holdfast/platform/graphql/settings';
import { MAX_REPLY_BYTES } from '@holdfast/platform/http/client';
import { MAX_CONNECTIONS } from '@holdfast/platform/http/server';
import { commonSettings } from '@holdfast/platform/lifecycle/settings';
import { redisSettings, redisUrl } from '@holdfast/platform/redis';
import { ConfigError, count, milliseconds, readSettings } from '@holdfast/platform/settings';
import { z } from 'zod';
import { rateLimits } from './admission/limits.ts';
import { corsOrigins } from './http/cors.ts';
import { graphLimitSettings } from './operations/bounds.ts';
import { persistedSettings } from './operations/persisted.ts';

/** A tenth of all connections, so that a few clients cannot take all of them. */
const CONNECTIONS_PER_ADDRESS = 1_000;

/** The longest time that a request may be allowed, ms. */
const MAX_REQUEST_TIMEOUT_MS = 60_000;

const toggle = (fallback: 'on' | 'off') =>
  z
    .enum(['on', 'off'])
    .default(fallback)
    .transform((value) => value === 'on');

const bytes = (fallback: number) => count('bytes', fallback, 10_000, 1_000_000_000);

export const settings = {
  ...commonSettings,
  ...tokenSettings,
  ...callingSettings,
  ...redisSettings,
  REDIS_URL: redisUrl.describe(
    'The Redis that holds the counts of the limits, for all gateways together: its eviction ' +
      'policy must be `noeviction`, because a caller could otherwise have counts evicted. Without it each gateway counts for ' +
      'itself, which is right for a single gateway only.',
  ),
  ...subgraphCallSettings,
  ...keySetSettings,
  SUPERGRAPH_FILE: z
    .string()
    .min(1)
    .describe(
      'The composed schema. When the file changes it is taken over anew, once every subgraph serves what it needs.',
    ),
  // The gateway never uses the addresses in the supergraph file.
  USERS_URL: subgraphUrl('users'),
  PRODUCTS_URL: subgraphUrl('products'),
  ORDERS_URL: subgraphUrl('orders'),
  REQUEST_TIMEOUT_MS: milliseconds(15_000, MAX_REQUEST_TIMEOUT_MS).describe(
    'The longest that a request may take, the time of its subgraphs included.',
  ),
  SUBGRAPH_TIMEOUT_MS: milliseconds(4_000, MAX_REQUEST_TIMEOUT_MS).describe(
    'The longest that one query of a subgraph may take. A mutation has the time of its request.',
  ),
  SUBGRAPH_CONNECTIONS: count('connections', 100, 1, 1_000).describe(
    'The most connections to each subgraph. Calls past that wait, within their time.',
  ),
  MAX_REPLY_BYTES: bytes(MAX_REPLY_BYTES).describe(
    'The largest reply to a client, and the most that the subgraphs may send for it together.',
  ),
  MAX_UNREAD_BYTES: bytes(64_000_000).describe(
    'How much of all replies may be unread by their clients, MAX_REPLY_BYTES at least. Past it, the slowest readers lose ' +
      'their connections.',
  ),
  SUPERGRAPH_POLL_MS: milliseconds(10_000, 600_000, 100).describe(
    'How often SUPERGRAPH_FILE is read although the file system does not say that it changed.',
  ),
  EXPLORER: toggle('on').describe(
    'Whether there is an explorer of the graph: the page `/explorer`, which browsers see at `/graphql` as well.',
  ),
  DEMO: toggle('off').describe(
    'Whether the pages offer to sign in with the demo accounts, whose passwords are published. `npm start`, which makes these ' +
      'accounts, sets it to `on`.',
  ),
  INTROSPECTION: toggle('on').describe('Whether clients may request the schema.'),
  CORS_ORIGINS: corsOrigins,
  ...graphLimitSettings,
  PLAN_TIMEOUT_MS: milliseconds(2_000, MAX_REQUEST_TIMEOUT_MS, 100).describe(
    'The longest that planning one operation may take. An operation past that is refused as too complex.',
  ),
  ...persistedSettings,
  RATE_LIMITS: rateLimits,
  TRUSTED_PROXIES: count('proxies', 0, 0, 10).describe(
    'How many proxies stand in front of the gateway, each of which appends to `X-Forwarded-For`. With 0 that field is not ' +
      'believed.',
  ),
  MAX_CONNECTIONS_PER_ADDRESS: z.coerce
    .number()
    .int()
    .min(1)
    .max(MAX_CONNECTIONS)
    .optional()
    .meta({
      unit: 'connections',
      description: `How many connections one address may hold, a proxy's as well. Without it: ${CONNECTIONS_PER_ADDRESS}, or no bound when TRUSTED_PROXIES is set.`,
    }),
};

export type GatewaySettings = Readonly<z.infer<z.ZodObject<typeof settings>>>;

/** Behind proxies every connection comes from a proxy, so there is no bound unless the setting names one. */
export const connectionsPerAddress = (
  settings: Pick<GatewaySettings, 'MAX_CONNECTIONS_PER_ADDRESS' | 'TRUSTED_PROXIES'>,
): number | undefined =>
  settings.MAX_CONNECTIONS_PER_ADDRESS ??
  (settings.TRUSTED_PROXIES === 0 ? CONNECTIONS_PER_ADDRESS : undefined);

/** @throws {ConfigError} naming every setting that is missing or malformed */
export function readGatewaySettings(env: NodeJS.ProcessEnv): GatewaySettings {
  const read = readSettings(settings, env);
  const errors: string[] = [];
  const isListed = read.PERSISTED_OPERATIONS_FILE !== undefined;
  if (isListed !== (read.OPERATIONS === 'persisted'))
    errors.push(
      `PERSISTED_OPERATIONS_FILE: ${isListed ? 'is used only' : 'is required'} when OPERATIONS is persisted`,
    );
  if (read.MAX_UNREAD_BYTES < read.MAX_REPLY_BYTES)
    errors.push('MAX_UNREAD_BYTES: is at least MAX_REPLY_BYTES, or no client could read the largest reply');
  if (errors.length > 0) throw new ConfigError(`Settings cannot be used:\n  ${errors.join('\n  ')}`);
  return read;
}
