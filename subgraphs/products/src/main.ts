// The products service: catalogue, stock and reservations.
import { runService } from '@holdfast/platform/service';
import { readProductsSettings } from './config.js';
import { startProducts } from './server.js';

await runService({
  name: 'products',
  timeoutMs: 15_000,
  readSettings: readProductsSettings,
  start: startProducts,
});
