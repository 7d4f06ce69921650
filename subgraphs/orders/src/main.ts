// The orders service: orders, their history and their processing.
import { runService } from '@holdfast/platform/service';
import { readOrdersSettings } from './config.js';
import { startOrders } from './server.js';

await runService({ name: 'orders', timeoutMs: 15_000, readSettings: readOrdersSettings, start: startOrders });
