// The settings of a service that uses PostgreSQL.
import { z } from 'zod';
import { count } from '../settings.ts';

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
