// The orders service: orders, their history and their processing.
import { runService } from '@holdfast/platform/lifecycle/service';
import { readOrdersSettings } from './config.ts';
import { startOrders } from './server.ts';

await runService({ name: 'orders', timeoutMs: 15_000, readSettings: readOrdersSettings, start: startOrders });
