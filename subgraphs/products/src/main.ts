// The products service: catalog, stock and reservations.
import { runService } from '@holdfast/platform/lifecycle/service';
import { readProductsSettings } from './config.ts';
import { startProducts } from './server.ts';

await runService({
  name: 'products',
  timeoutMs: 15_000,
  readSettings: readProductsSettings,
  start: startProducts,
});
