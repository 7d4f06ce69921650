// The settings of the orders service.
import {
  commonSettings,
  databaseSettings,
  milliseconds,
  readSettings,
  serviceTokenSettings,
  subgraphCallSettings,
  tokenSettings,
} from '@holdfast/platform/config';
import { idempotencyKeySettings } from '@holdfast/platform/idempotency-keys';
import { workerSettings } from '@holdfast/platform/queue';
import { z } from 'zod';

export const settings = {
  ...commonSettings,
  ...databaseSettings,
  ...tokenSettings,
  ...serviceTokenSettings,
  ...workerSettings,
  ...subgraphCallSettings,
  ...idempotencyKeySettings,
  JWKS_URL: z.url(),
  /** The products service's GraphQL endpoint: where prices are read. */
  PRODUCTS_URL: z.url(),
  PRODUCTS_TIMEOUT_MS: milliseconds(3_000, 30_000),
  /** Whether an order must carry an idempotency key. Without one, a double click is two orders. */
  IDEMPOTENCY_KEY: z.enum(['optional', 'required']).default('optional'),
};

export const readOrdersSettings = (env: NodeJS.ProcessEnv) => readSettings(settings, env);

export type OrdersSettings = ReturnType<typeof readOrdersSettings>;
