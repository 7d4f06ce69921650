// The settings of the orders service.
import {
  calledSettings,
  callingSettings,
  keySetSettings,
  tokenSettings,
} from '@holdfast/platform/auth/settings';
import { subgraphCallSettings, subgraphUrl } from '@holdfast/platform/graphql/settings';
import { commonSettings } from '@holdfast/platform/lifecycle/settings';
import { idempotencyKeySettings } from '@holdfast/platform/postgres/idempotency-keys';
import { databaseSettings } from '@holdfast/platform/postgres/settings';
import { workerSettings } from '@holdfast/platform/queue/queue';
import { milliseconds, readSettings } from '@holdfast/platform/settings';
import { z } from 'zod';

export const settings = {
  ...commonSettings,
  ...databaseSettings,
  ...tokenSettings,
  ...calledSettings,
  ...callingSettings,
  ...workerSettings,
  ...subgraphCallSettings,
  ...idempotencyKeySettings,
  ...keySetSettings,
  PRODUCTS_URL: subgraphUrl('products'),
  PRODUCTS_TIMEOUT_MS: milliseconds(3_000, 30_000).describe(
    'The longest that a request for a price to the products service may take.',
  ),
  UNVERIFIED_ACCOUNTS: z
    .enum(['order', 'browse'])
    .default('order')
    .describe(
      'What an account whose e-mail address is not verified may do: `order`, everything that other accounts may; `browse`, everything except placing orders.',
    ),
  IDEMPOTENCY_KEY: z
    .enum(['optional', 'required'])
    .default('optional')
    .describe(
      '`required` refuses an order without an [idempotency key](api.md#retrying). Without a key, a double click places two orders.',
    ),
};

export const readOrdersSettings = (env: NodeJS.ProcessEnv) => readSettings(settings, env);

export type OrdersSettings = ReturnType<typeof readOrdersSettings>;
