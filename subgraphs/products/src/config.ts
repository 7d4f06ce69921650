// The settings of the products service.
import { commonSettings, databaseSettings, readSettings, tokenSettings } from '@holdfast/platform/config';
import { workerSettings } from '@holdfast/platform/queue';
import { z } from 'zod';

const settings = {
  ...commonSettings,
  ...databaseSettings,
  ...tokenSettings,
  ...workerSettings,
  JWKS_URL: z.url(),
  /** Who may write the catalogue: any signed-in account, or staff only. */
  CATALOG_WRITERS: z.enum(['everyone', 'staff']).default('everyone'),
};

export const readProductsSettings = (env: NodeJS.ProcessEnv) => readSettings(settings, env);

export type ProductsSettings = ReturnType<typeof readProductsSettings>;
