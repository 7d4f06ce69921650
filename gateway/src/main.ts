// The gateway: one graph over the subgraphs, and the REST shim over that graph.
import { runService } from '@holdfast/platform/service';
import { connectionsPerAddress, readGatewaySettings } from './config.js';
import { startGateway } from './gateway.js';

await runService({
  name: 'gateway',
  isPublic: true,
  timeoutMs: ({ REQUEST_TIMEOUT_MS }) => REQUEST_TIMEOUT_MS,
  maxConnectionsPerAddress: connectionsPerAddress,
  readSettings: readGatewaySettings,
  start: startGateway,
});
