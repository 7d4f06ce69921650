// The settings of the life cycle, which every service takes.
import { z } from 'zod';
import { tracingSettings } from '../observability/tracing.ts';
import { milliseconds } from '../settings.ts';

const port = z.coerce.number().int().min(0).max(65535).meta({ unit: '' });

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
    'How long after SIGTERM the service goes on serving, with `/readyz` at 503, before it closes connections. Longer than load ' +
      'balancers need to notice, and than clients keep an idle connection.',
  ),
  ...tracingSettings,
  REVISION: z
    .string()
    .max(64)
    .default('unknown')
    .describe('The commit that was built, shown in the metric `build_info`. The images set it.'),
};
