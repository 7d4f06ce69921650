// The gateway: one graph over the subgraphs, and the REST shim over that graph.
import { runService } from '@holdfast/platform/service';
import { connectionsPerAddress, readGatewaySettings } from './config.ts';
import { startGateway } from './gateway.ts';

await runService({
  name: 'gateway',
  isPublic: true,
  timeoutMs: ({ REQUEST_TIMEOUT_MS }) => REQUEST_TIMEOUT_MS,
  maxConnectionsPerAddress: connectionsPerAddress,
  maxUnreadBytes: ({ MAX_UNREAD_BYTES }) => MAX_UNREAD_BYTES,
  readSettings: readGatewaySettings,
  start: startGateway,
});
